//! The scripted network's files: kept in memory, each under a number.

use std::{
    fs::File,
    io::{Read as _, Seek as _, Write as _},
};

use serde_json::json;

use super::{super::Error, Fake};
use crate::model::{MediaKind, MediaRef};

/// What happened to the files of the network.
#[derive(Default)]
pub(super) struct Files {
    kept: Vec<Kept>,
    phone_lost_them: bool,
    failures: Vec<Error>,
}

struct Kept {
    kind: MediaKind,
    bytes: Vec<u8>,
    gone: bool,
}

impl Fake {
    /// A file that somebody brought to the network.
    pub(crate) fn keeps_file(&self, kind: MediaKind, bytes: &[u8]) -> MediaRef {
        let kept = &mut self.state().files.kept;
        kept.push(Kept {
            kind,
            bytes: bytes.to_vec(),
            gone: false,
        });
        MediaRef(json!({ "fake": kept.len() - 1 }))
    }

    /// A file of the network, also one that it gives to nobody any more, and as what it was brought.
    pub(crate) fn file(&self, reference: &MediaRef) -> Option<(MediaKind, Vec<u8>)> {
        let state = self.state();
        let kept = state.files.kept.get(number(reference)?)?;
        Some((kept.kind, kept.bytes.clone()))
    }

    /// The network gives nobody the files of now any more.
    pub(crate) fn loses_files(&self) {
        for kept in &mut self.state().files.kept {
            kept.gone = true;
        }
    }

    /// The phone deleted all its files.
    pub(crate) fn phone_loses_files(&self) {
        self.state().files.phone_lost_them = true;
    }

    /// The next time a file is moved it fails this way.
    #[expect(dead_code, reason = "the tests of the bridge are about to need it")]
    pub(crate) fn fails_next_file(&self, error: Error) {
        self.state().files.failures.insert(0, error);
    }

    pub(super) fn gives_file(&self, reference: &MediaRef) -> Result<File, Error> {
        let mut state = self.state();
        if let Some(error) = state.files.failures.pop() {
            return Err(error);
        }
        let kept = number(reference).and_then(|number| state.files.kept.get(number));
        match kept {
            None => Err(Error::Refused("the file is not on this network".to_owned())),
            Some(kept) if kept.gone => Err(Error::Gone),
            Some(kept) => written(&kept.bytes).map_err(|error| Error::Unreachable(error.into())),
        }
    }

    pub(super) fn takes_file(&self, kind: MediaKind, mut file: File) -> Result<MediaRef, Error> {
        if let Some(error) = self.state().files.failures.pop() {
            return Err(error);
        }
        let mut bytes = Vec::new();
        let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
        read.map_err(|error| Error::Unreachable(error.into()))?;
        Ok(self.keeps_file(kind, &bytes))
    }

    pub(super) fn brings_file_again(&self, reference: &MediaRef) -> Result<MediaRef, Error> {
        if self.state().files.phone_lost_them {
            return Err(Error::Gone);
        }
        let (kind, bytes) = self.file(reference).ok_or(Error::Gone)?;
        Ok(self.keeps_file(kind, &bytes))
    }
}

fn number(reference: &MediaRef) -> Option<usize> {
    usize::try_from(reference.0["fake"].as_u64()?).ok()
}

fn written(bytes: &[u8]) -> std::io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

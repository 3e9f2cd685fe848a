//! An encrypted file on its way up: read as often and from wherever the servers want it.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read, Result, Seek as _, Write as _},
    os::unix::fs::FileExt as _,
    sync::Arc,
};

use whatsapp_rust::{
    anyhow,
    wacore::{
        download::MediaType,
        upload::{EncryptedMediaInfo, UploadSource, encrypt_media_streaming},
    },
};

/// Bytes that are read or written at once.
const AT_ONCE: usize = 64 * 1024;

/// An encrypted file without a name; clones are the same one.
#[derive(Clone)]
pub(super) struct Sealed {
    file: Arc<File>,
    length: u64,
}

/// Encrypts a whole file, wherever it was read up to. Blocks.
pub(super) fn seal(mut file: File, media_type: MediaType) -> anyhow::Result<(Sealed, EncryptedMediaInfo)> {
    file.rewind()?;
    let mut sealed = BufWriter::with_capacity(AT_ONCE, tempfile::tempfile()?);
    let info = encrypt_media_streaming(BufReader::with_capacity(AT_ONCE, file), &mut sealed, media_type)?;
    sealed.flush()?;
    let sealed = sealed.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    let length = sealed.metadata()?.len();
    let sealed = Sealed {
        file: Arc::new(sealed),
        length,
    };
    Ok((sealed, info))
}

impl UploadSource for Sealed {
    fn len(&self) -> u64 {
        self.length
    }

    fn reader_from(&self, offset: u64) -> Result<Box<dyn Read + Send>> {
        let reader = Reader {
            file: Arc::clone(&self.file),
            at: offset,
        };
        Ok(Box::new(BufReader::with_capacity(AT_ONCE, reader)))
    }
}

/// One reading, with a place of its own in the file.
struct Reader {
    file: Arc<File>,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_file_is_read_from_anywhere_at_once() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 1000]).unwrap();
        let (sealed, info) = seal(file, MediaType::Image).unwrap();
        assert_eq!((info.file_length, sealed.len()), (1000, 1008 + 10));
        let (mut whole, mut tail) = (Vec::new(), Vec::new());
        let mut reader = sealed.reader_from(500).unwrap();
        sealed.reader_from(0).unwrap().read_to_end(&mut whole).unwrap();
        reader.read_to_end(&mut tail).unwrap();
        assert_eq!(whole.len(), 1018);
        assert_eq!(whole[500..], tail);
    }
}

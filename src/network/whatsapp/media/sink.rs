//! Where a download ends: a temporary file that knows what it should become.

use std::{
    fs::File,
    io::{Error, ErrorKind, Result, Seek, SeekFrom, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use sha2::{Digest, Sha256};
use whatsapp_rust::wacore::download::DownloadWriter;

use super::super::stored_media::StoredMedia;

/// The library writes block by block of 16 bytes; so many are written at once.
const AT_ONCE: usize = 64 * 1024;

/// A temporary file that takes no more than was announced and hashes what it takes.
pub(super) struct Sink {
    file: File,
    waiting: Vec<u8>,
    hash: Sha256,
    length: u64,
    limit: u64,
    overflowed: Arc<AtomicBool>,
}

impl Sink {
    /// For a file of which no more than `limit` bytes are taken.
    pub(super) fn new(limit: u64) -> Result<Self> {
        Ok(Self {
            file: tempfile::tempfile()?,
            waiting: Vec::with_capacity(AT_ONCE),
            hash: Sha256::new(),
            length: 0,
            limit,
            overflowed: Arc::default(),
        })
    }

    /// Tells, also when the sink is gone, whether more came than was announced.
    pub(super) fn overflow(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.overflowed)
    }

    /// The file at its beginning; `None` when it is not the one that was announced.
    pub(super) fn finish(mut self, announced: &StoredMedia) -> Result<Option<File>> {
        self.spill()?;
        self.file.rewind()?;
        let is_whole = announced.file_length == 0 || announced.file_length == self.length;
        let is_right = announced.file_sha256.is_empty() || self.hash.finalize().as_slice() == announced.file_sha256;
        Ok((is_whole && is_right).then_some(self.file))
    }

    fn spill(&mut self) -> Result<()> {
        self.file.write_all(&self.waiting)?;
        self.hash.update(&self.waiting);
        self.waiting.clear();
        Ok(())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.length += bytes.len() as u64;
        if self.length > self.limit {
            self.overflowed.store(true, Ordering::Relaxed);
            return Err(Error::new(ErrorKind::FileTooLarge, "more came than was announced"));
        }
        if self.waiting.len() + bytes.len() > AT_ONCE {
            self.spill()?;
        }
        self.waiting.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.spill()
    }
}

impl Seek for Sink {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.spill()?;
        self.file.seek(to)
    }
}

impl DownloadWriter for Sink {
    fn truncate(&mut self, length: u64) -> Result<()> {
        if length > 0 {
            return Err(Error::new(ErrorKind::Unsupported, "a download begins at its beginning"));
        }
        self.waiting.clear();
        self.file.set_len(0)?;
        self.hash = Sha256::new();
        self.length = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::{super::super::stored_media::StoredAs, *};

    fn announced(bytes: &[u8]) -> StoredMedia {
        StoredMedia {
            media_type: StoredAs::Image,
            direct_path: "/v/1".into(),
            media_key: vec![1; 32],
            file_sha256: Sha256::digest(bytes).to_vec(),
            file_enc_sha256: vec![],
            file_length: bytes.len() as u64,
        }
    }

    #[test]
    fn what_comes_after_a_failed_attempt_is_all_there_is() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let mut sink = Sink::new(1 << 20).unwrap();
        sink.write_all(&vec![9; 300_000]).unwrap();
        sink.truncate(0).unwrap();
        sink.rewind().unwrap();
        for block in bytes.chunks(16) {
            sink.write_all(block).unwrap();
        }
        sink.rewind().unwrap();
        let mut read = Vec::new();
        let mut file = sink.finish(&announced(&bytes)).unwrap().expect("the right file");
        file.read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
    }

    #[test]
    fn another_file_than_announced_is_none() {
        for other in [&b"hellO"[..], b"hell"] {
            let mut sink = Sink::new(100).unwrap();
            sink.write_all(other).unwrap();
            assert!(sink.finish(&announced(b"hello")).unwrap().is_none());
        }
    }

    #[test]
    fn more_than_announced_is_refused_while_it_comes() {
        let mut sink = Sink::new(10).unwrap();
        let overflow = sink.overflow();
        sink.write_all(b"0123456789").unwrap();
        assert!(!overflow.load(Ordering::Relaxed));
        sink.write_all(b"0").unwrap_err();
        assert!(overflow.load(Ordering::Relaxed));
    }
}

//! What is imported: a file or a member of a zip, unpacked as it is read, and read as often as needed.
//!
//! gzip, zstd and zip are known by their first bytes. Nothing is unpacked into memory as a whole, so that a file that grows a
//! thousandfold costs no more than its time, and that is bounded too ([`FILE_BYTES_MAX`](crate::limits::FILE_BYTES_MAX)).

mod checked;
mod members;
mod packing;
mod part;

use super::room::Room;
use super::text::Lines;
use crate::limits::SNIFF_BYTES;
use crate::{FormatError, Result};
use checked::{Checked, limited};
use dbn::Compression;
use dbn::decode::DynReader;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use members::{Member, members, wrong_zip};
pub(crate) use part::{Part, ReadAnywhere};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tickloom_catalog::IMPORT_RUN;
use tickloom_types::some_of;
use xxhash_rust::xxh3::Xxh3;

/// Bytes that are read from a file at a time.
pub(crate) const BUFFER_BYTES: usize = 1 << 18;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZIP: &[u8] = b"PK\x03\x04";
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// A file, or a member of a zip.
#[derive(Clone, Debug)]
pub struct Input {
    path: PathBuf,
    content: Content,
    room: Room,
}

#[derive(Clone, Debug)]
enum Content {
    /// A whole file.
    File,
    /// A member of the zip.
    Member(Member),
    /// Bytes that stand for a file.
    Bytes(Arc<[u8]>),
    /// Files that are one: of columns, the same in all.
    Files(Arc<[PathBuf]>),
}

/// What can be read in any order.
pub(crate) trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// What a file consists of: itself, or the members of a zip in their order there.
///
/// # Errors
/// [`FormatError::Io`] if it cannot be read; [`FormatError::Import`] for a zip that is empty, encrypted or packed in another way.
pub fn inputs(path: &Path) -> Result<Vec<Input>> {
    let mut file = File::open(path).map_err(FormatError::io("open", path))?;
    let mut magic = Vec::new();
    (&mut file)
        .take(ZIP.len() as u64)
        .read_to_end(&mut magic)
        .and_then(|_| file.rewind())
        .map_err(FormatError::io("read", path))?;
    let input = |content| Input {
        path: path.to_owned(),
        content,
        room: Room::default(),
    };
    if magic != ZIP {
        return Ok(vec![input(Content::File)]);
    }
    let members = members(path, file)?;
    let inputs = members.into_iter().map(|m| input(Content::Member(m)));
    Ok(inputs.collect())
}

/// The one input of a file.
///
/// # Errors
/// As [`inputs`], and for a zip of several.
pub(crate) fn only_input(path: &Path) -> Result<Input> {
    let mut all = inputs(path)?;
    match (all.pop(), all.as_slice()) {
        (Some(only), []) => Ok(only),
        (last, rest) => {
            let names: Vec<&str> = rest.iter().chain(&last).filter_map(Input::member).collect();
            let found = format!("a zip of {} files ({})", names.len(), some_of(&names));
            Err(wrong_zip(path, found, "a zip of one"))
        }
    }
}

/// Opens a file as text, unpacked as it is read.
///
/// # Errors
/// [`FormatError::Io`] if it cannot be read; [`FormatError::Import`] for a zip that does not hold exactly one file.
pub fn open_text(path: &Path) -> Result<Box<dyn BufRead + Send>> {
    only_input(path)?.open()
}

/// The first line of a file, unpacked so far, without its line end; of a zip, of its first member. Enough to tell what it is.
///
/// # Errors
/// As [`inputs`], and for a first line longer than a mebibyte.
pub fn peek_line(path: &Path) -> Result<Vec<u8>> {
    let inputs = inputs(path)?;
    let Some(input) = inputs.first() else {
        return Ok(Vec::new());
    };
    let mut lines = Lines::new(path, input.open()?);
    let line = lines.next()?;
    Ok(line.map(|(_, line)| line.to_vec()).unwrap_or_default())
}

/// The name of the run that an import of these files is kept as: the same content has the same name, whatever the files are
/// called. `salt` is what else makes it another import.
///
/// # Errors
/// [`FormatError::Io`].
pub fn content_run(paths: &[PathBuf], salt: &str) -> Result<String> {
    let mut hash = Xxh3::new();
    for path in paths {
        let file = File::open(path).map_err(FormatError::io("open", path))?;
        add_to_hash(&mut hash, file).map_err(FormatError::io("read", path))?;
    }
    hash.update(salt.as_bytes());
    Ok(import_run(hash.digest128()))
}

/// The run of an import that is told from others by this hash.
pub(super) fn import_run(hash: u128) -> String {
    format!("{IMPORT_RUN}{hash:032x}")
}

fn add_to_hash(hash: &mut Xxh3, mut source: impl Read) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let got = source.read(&mut buffer)?;
        if got == 0 {
            return Ok(());
        }
        hash.update(&buffer[..got]);
    }
}

impl Input {
    /// Bytes that stand for a file called `path`.
    #[must_use]
    pub fn bytes(path: &Path, bytes: Vec<u8>) -> Input {
        Input {
            path: path.to_owned(),
            content: Content::Bytes(bytes.into()),
            room: Room::default(),
        }
    }

    /// Files that are read as one, below a folder. There is one at least.
    #[must_use]
    pub(crate) fn files(folder: &Path, files: Vec<PathBuf>) -> Input {
        Input {
            path: folder.to_owned(),
            content: Content::Files(files.into()),
            room: Room::default(),
        }
    }

    /// Gives its reading so many bytes of memory. With less, more records wait in temporary files; a page of Parquet or a batch of Arrow
    /// that is larger than a part of it is refused.
    #[must_use]
    pub fn within(mut self, bytes: u64) -> Input {
        self.room = Room::of(bytes);
        self
    }

    /// The memory of its reading.
    pub(crate) fn room(&self) -> Room {
        self.room
    }

    /// The files that it consists of.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let part = |path: &Path, bytes, input| Part {
            path: path.to_owned(),
            bytes,
            input,
        };
        match &self.content {
            Content::Files(files) => {
                let one = |path: &PathBuf| {
                    let input = Input {
                        path: path.clone(),
                        content: Content::File,
                        room: self.room,
                    };
                    part(path, None, input)
                };
                files.iter().map(one).collect()
            }
            Content::Bytes(bytes) => vec![part(&self.path, Some(Arc::clone(bytes)), self.clone())],
            Content::File | Content::Member(_) => vec![part(&self.path, None, self.clone())],
        }
    }

    /// Whether its bytes are not those of the file that it is read as.
    pub(crate) fn is_packed(&self) -> Result<bool> {
        if self.member().is_some() {
            return Ok(true);
        }
        let parts = self.parts();
        let Some(part) = parts.first() else {
            return Ok(false);
        };
        let mut start = [0; 4];
        let mut file = part.open()?;
        let got = file
            .read(&mut start)
            .map_err(FormatError::io("read", &part.path))?;
        Ok(start[..got].starts_with(GZIP) || start[..got].starts_with(ZSTD))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Name of the member, of a zip.
    #[must_use]
    pub fn member(&self) -> Option<&str> {
        match &self.content {
            Content::Member(member) => Some(&member.name),
            Content::File | Content::Bytes(_) | Content::Files(_) => None,
        }
    }

    /// What it is called in messages: the file, and of a zip the member behind it.
    pub(crate) fn shown(&self) -> PathBuf {
        match self.member() {
            Some(_) => PathBuf::from(self.to_string()),
            None => self.path.clone(),
        }
    }

    /// The name that says most of what is in it: the member's, or the file's.
    pub(crate) fn file_name(&self) -> String {
        let path = self.member().map_or(self.path.as_path(), Path::new);
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.unwrap_or_default().into_owned()
    }

    /// Its content, unpacked as it is read.
    ///
    /// # Errors
    /// [`FormatError::Io`]; [`FormatError::Unrecognised`] for a packing that is not read.
    pub fn open(&self) -> Result<Box<dyn BufRead + Send>> {
        let source: Box<dyn BufRead + Send> = match &self.content {
            Content::Bytes(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
            Content::File => Box::new(buffered(self.open_file()?)),
            Content::Files(files) => {
                let first = files.first().unwrap_or(&self.path);
                let file = File::open(first).map_err(FormatError::io("open", first))?;
                Box::new(buffered(file))
            }
            Content::Member(member) => {
                let packed = self.open_packed(member)?;
                let unpacked: Box<dyn Read + Send> = if member.is_deflated {
                    Box::new(DeflateDecoder::new(buffered(packed)))
                } else {
                    Box::new(packed)
                };
                Box::new(buffered(Checked::new(unpacked, member)))
            }
        };
        self.unpack(source)
    }

    /// What a gzip or zstd holds; anything else as it is, unless it is packed in another way.
    fn unpack(&self, mut source: Box<dyn BufRead + Send>) -> Result<Box<dyn BufRead + Send>> {
        let failed = || FormatError::io("read", &self.path);
        let head = source.fill_buf().map_err(failed())?;
        if head.starts_with(GZIP) {
            return Ok(Box::new(limited(MultiGzDecoder::new(source))));
        }
        if head.starts_with(ZSTD) {
            let unpacked = DynReader::with_buffer(source, Compression::Zstd);
            let unpacked =
                unpacked.map_err(|error| failed()(io::Error::other(error.to_string())))?;
            return Ok(Box::new(limited(unpacked)));
        }
        packing::refuse(head, &self.path)?;
        Ok(source)
    }

    /// A whole file as it is, to be read in any order.
    pub(crate) fn open_at_will(&self) -> Result<Box<dyn ReadSeek>> {
        Ok(match &self.content {
            Content::Bytes(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
            Content::File | Content::Member(_) | Content::Files(_) => Box::new(self.open_file()?),
        })
    }

    /// The bytes of a member as they are in the zip.
    fn open_packed(&self, member: &Member) -> Result<io::Take<File>> {
        let mut file = self.open_file()?;
        file.seek(SeekFrom::Start(member.start))
            .map_err(FormatError::io("read", &self.path))?;
        Ok(file.take(member.packed))
    }

    fn open_file(&self) -> Result<File> {
        File::open(&self.path).map_err(FormatError::io("open", &self.path))
    }

    /// Bytes that it takes where it lies, packed or not.
    pub(crate) fn size(&self) -> Result<u64> {
        Ok(match &self.content {
            Content::File => {
                let size = self.open_file()?.metadata().map(|data| data.len());
                size.map_err(FormatError::io("read", &self.path))?
            }
            Content::Member(member) => member.packed,
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Files(_) => 0,
        })
    }

    /// All bytes, if they are in memory as they are.
    pub(crate) fn in_memory(&self) -> Option<Arc<[u8]>> {
        match &self.content {
            Content::Bytes(bytes) => Some(Arc::clone(bytes)),
            Content::File | Content::Member(_) | Content::Files(_) => None,
        }
    }

    /// The first bytes of its content, to tell what it is.
    pub(crate) fn head(&self) -> Result<Vec<u8>> {
        let mut head = Vec::new();
        self.open()?
            .take(SNIFF_BYTES)
            .read_to_end(&mut head)
            .map_err(FormatError::io("read", &self.path))?;
        Ok(head)
    }

    /// As [`content_run`], of this file or member alone.
    pub(crate) fn content_run(&self, salt: &str) -> Result<String> {
        let mut hash = Xxh3::new();
        let hashed = match &self.content {
            Content::File => add_to_hash(&mut hash, self.open_file()?),
            Content::Member(member) => add_to_hash(&mut hash, self.open_packed(member)?),
            Content::Bytes(bytes) => add_to_hash(&mut hash, &**bytes),
            Content::Files(files) => files.iter().try_for_each(|file| {
                File::open(file).and_then(|file| add_to_hash(&mut hash, file))
            }),
        };
        hashed.map_err(FormatError::io("read", &self.path))?;
        hash.update(salt.as_bytes());
        Ok(import_run(hash.digest128()))
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.member() {
            Some(member) => write!(f, "{} ({member})", self.path.display()),
            None => write!(f, "{}", self.path.display()),
        }
    }
}

fn buffered<R: Read>(source: R) -> BufReader<R> {
    BufReader::with_capacity(BUFFER_BYTES, source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn one_line_of_a_zip_does_not_unpack_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        let stored = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        zip.start_file("a.csv", stored).unwrap();
        zip.write_all(b"date,close\n").unwrap();
        zip.write_all(&vec![b'1'; 2 * BUFFER_BYTES]).unwrap();
        zip.finish().unwrap();
        // A wrong byte in the rest is an error for whoever reads so far.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[BUFFER_BYTES + 50_000] = b'2';
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(peek_line(&path).unwrap(), b"date,close");
        let mut all = Vec::new();
        let error = inputs(&path).unwrap()[0].open().unwrap();
        let error = { error }.read_to_end(&mut all).unwrap_err();
        assert!(error.to_string().contains("checksum"), "{error}");
    }
}

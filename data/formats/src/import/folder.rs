//! A folder of people's files of columns, read as one file: those below it, in the order of their paths.

use super::columnar::Container;
use super::file_records::FileRecords;
use super::format::Format;
use super::input::Input;
use super::options::ImportOptions;
use crate::{FormatError, Result};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Files below a folder, and folders within each other.
const FILES_MAX: usize = 100_000;
const DEPTH_MAX: usize = 32;

/// Records of a folder, and the files in it that are none of columns.
#[derive(Debug)]
pub struct FolderRecords {
    /// What was read.
    pub records: FileRecords,
    /// What was passed over.
    pub passed_over: Vec<PathBuf>,
}

/// Whether a file is Parquet or Arrow, by its first bytes.
///
/// # Errors
/// [`FormatError::Io`].
pub fn is_columnar(path: &Path) -> Result<bool> {
    let mut start = [0; 8];
    let mut got = 0;
    let mut file = File::open(path).map_err(FormatError::io("open", path))?;
    while got < start.len() {
        match file
            .read(&mut start[got..])
            .map_err(FormatError::io("read", path))?
        {
            0 => break,
            more => got += more,
        }
    }
    Ok(Container::sniff(&start[..got]).is_some())
}

/// Reads the Parquet and Arrow files below a folder as one; `None` if there are none. What begins with a dot or an underscore is
/// passed over, as the programs that write such folders mean it.
///
/// # Errors
/// As [`super::read_file`], and [`FormatError::Columns`] for files that do not go together.
pub fn read_folder(folder: &Path, options: &ImportOptions) -> Result<Option<FolderRecords>> {
    let Some((input, passed_over)) = files_of_columns(folder, options)? else {
        return Ok(None);
    };
    let records = input.read(options)?;
    Ok(Some(FolderRecords {
        records,
        passed_over,
    }))
}

/// The Parquet and Arrow files below a folder as one, and the files that are passed over.
pub(super) fn files_of_columns(
    folder: &Path,
    options: &ImportOptions,
) -> Result<Option<(Input, Vec<PathBuf>)>> {
    let mut all = Vec::new();
    walk(folder, 0, &mut all)?;
    let (mut files, mut passed_over) = (Vec::new(), Vec::new());
    for file in all {
        match is_columnar(&file)? {
            true => files.push(file),
            false => passed_over.push(file),
        }
    }
    let Some(first) = files.first().cloned() else {
        return Ok(None);
    };
    let input = Input::files(folder, files);
    if Format::sniff(&input, options)? == Format::Tickloom {
        return Err(FormatError::Columns {
            file: first,
            found: "what tickloom wrote, in a folder that is no catalog".to_owned(),
            expected: "files of others; `tickloom import` takes such files into a catalog"
                .to_owned(),
        });
    }
    Ok(Some((input, passed_over)))
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    let too_many = |what: &str| FormatError::Columns {
        file: folder.to_owned(),
        found: what.to_owned(),
        expected: "fewer".to_owned(),
    };
    if depth > DEPTH_MAX {
        return Err(too_many("folders within folders without end"));
    }
    let failed = || FormatError::io("list", folder);
    let mut below = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        if !entry.file_name().to_string_lossy().starts_with(['.', '_']) {
            below.push(entry.path());
        }
    }
    below.sort_unstable();
    for path in below {
        if path.is_dir() {
            walk(&path, depth + 1, files)?;
        } else {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            return Err(too_many("more than 100000 files"));
        }
    }
    Ok(())
}

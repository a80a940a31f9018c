//! The members of a zip.

use crate::{FormatError, Result};
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

/// Members that a zip of rows may have.
const MEMBERS_MAX: usize = 100_000;

/// Where in a zip a member is, and what it must come to.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) start: u64,
    pub(super) packed: u64,
    pub(super) is_deflated: bool,
    pub(super) size: u64,
    pub(super) crc: u32,
}

pub(super) fn members(path: &Path, file: File) -> Result<Vec<Member>> {
    let failed =
        |error: zip::result::ZipError| FormatError::io("unzip", path)(io::Error::other(error));
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(failed)?;
    let mut members = Vec::new();
    for at in 0..archive.len().min(MEMBERS_MAX + 1) {
        let member = archive.by_index_raw(at).map_err(failed)?;
        if member.is_dir() {
            continue;
        }
        let name = member.name().to_owned();
        let is_deflated = match member.compression() {
            _ if member.encrypted() => {
                return Err(wrong_zip(
                    path,
                    format!("{name} is encrypted"),
                    "a plain zip",
                ));
            }
            zip::CompressionMethod::Stored => false,
            zip::CompressionMethod::Deflated => true,
            other => {
                let found = format!("{name} is packed with {other}");
                return Err(wrong_zip(path, found, "a zip that is stored or deflated"));
            }
        };
        let start = member.data_start();
        members.push(Member {
            start: start.ok_or_else(|| {
                wrong_zip(path, format!("{name} is nowhere"), "a zip that is whole")
            })?,
            packed: member.compressed_size(),
            is_deflated,
            size: member.size(),
            crc: member.crc32(),
            name,
        });
    }
    match members.len() {
        0 => Err(wrong_zip(path, "an empty zip".to_owned(), "files in it")),
        1..=MEMBERS_MAX => Ok(members),
        _ => {
            let found = format!("a zip of more than {MEMBERS_MAX} files");
            Err(wrong_zip(path, found, "fewer"))
        }
    }
}

pub(super) fn wrong_zip(path: &Path, found: String, expected: &str) -> FormatError {
    FormatError::Import {
        file: path.to_owned(),
        line: 1,
        found,
        expected: expected.to_owned(),
    }
}

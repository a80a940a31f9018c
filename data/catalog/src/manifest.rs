//! A checkpoint as bytes: what is told once as JSON, and a row of fixed length for each file, so that an index of a hundred thousand
//! files is read at once. `docs/catalog.md` has the layout.
//!
//! Pure: `index.rs` reads and writes these.

use crate::Table;
use crate::checkpoint::{Checkpoint, CoveredPart, Dropped, LiveFile};
use crate::file_meta::FileMeta;
use crate::key::Key;
use crate::limits::MANIFEST_BYTES_MAX;
use crate::part::PartFile;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::path::PathBuf;
use tickloom_types::{BarSpec, InstrumentDef, Ts};
use xxhash_rust::xxh3::xxh3_128;
use zerocopy::little_endian::{I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// How the bytes begin; the digit is the version of the layout.
const MAGIC: [u8; 16] = *b"tickloom index 1";
/// Of the hash of what follows it, and the length of that unpacked.
const PREFIX: usize = MAGIC.len() + 16 + 8;
/// In place of a number in a list: there is none.
const NONE: u32 = u32::MAX;

/// What is told once.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    schema: u32,
    number: u32,
    parts: BTreeMap<u32, CoveredPart>,
    dropped: Vec<Dropped>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bundle: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    /// What the rows name by their place here.
    runs: Vec<String>,
    tables: Vec<Table>,
    bars: Vec<BarSpec>,
    instruments: Vec<InstrumentDef>,
    files: u64,
}

/// A file.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Row {
    rows: U64,
    first: [U64; 2],
    last: [U64; 2],
    times: [I64; 2],
    released: [I64; 2],
    bytes: U64,
    hash: [u8; 16],
    parts: [U32; 2],
    run: U32,
    table: U32,
    bar: U32,
    instrument: U32,
    schema: U32,
    path_bytes: U32,
    /// Which of `released`, `bytes` and `hash` are known: bits 0, 1 and 2.
    known: U32,
}

const _: () = assert!(size_of::<Row>() == 132);

/// Different values in the order in which they were met.
struct Listed<T> {
    places: HashMap<T, u32>,
    all: Vec<T>,
}

impl<T: Clone + Eq + Hash> Listed<T> {
    fn new() -> Self {
        Listed {
            places: HashMap::new(),
            all: Vec::new(),
        }
    }

    fn place(&mut self, value: &T) -> u32 {
        if let Some(at) = self.places.get(value) {
            return *at;
        }
        let at = u32::try_from(self.all.len()).unwrap_or(NONE);
        self.all.push(value.clone());
        self.places.insert(value.clone(), at);
        at
    }
}

/// What the rows name by its place.
struct Lists {
    runs: Listed<String>,
    tables: Listed<Table>,
    bars: Listed<BarSpec>,
    /// Definitions as their JSON: they have no order and no hash.
    instruments: Listed<String>,
    defs: Vec<InstrumentDef>,
    /// The definition that was met last.
    last: u32,
}

impl Lists {
    fn instrument(&mut self, def: &InstrumentDef) -> u32 {
        // Files of an instrument are beside each other.
        let last = usize::try_from(self.last).ok();
        if last.and_then(|at| self.defs.get(at)) == Some(def) {
            return self.last;
        }
        let text = serde_json::to_string(def).expect("plain fields are JSON");
        self.last = self.instruments.place(&text);
        if self.defs.len() < self.instruments.all.len() {
            self.defs.push(def.clone());
        }
        self.last
    }

    fn row(&mut self, live: &LiveFile, path_bytes: usize) -> Row {
        let (file, meta) = (&live.file, &live.file.meta);
        let hash = file.hash.as_deref().and_then(hash_bytes);
        let (from, to) = meta.released.unwrap_or_default();
        let known = u32::from(meta.released.is_some())
            | u32::from(file.bytes.is_some()) << 1
            | u32::from(hash.is_some()) << 2;
        let bar = meta.bar.as_ref().map_or(NONE, |bar| self.bars.place(bar));
        let instrument = meta.instrument.as_ref();
        Row {
            rows: meta.rows.into(),
            first: [meta.first.seq.into(), meta.first.output.into()],
            last: [meta.last.seq.into(), meta.last.output.into()],
            times: [meta.ts_min.0.into(), meta.ts_max.0.into()],
            released: [from.0.into(), to.0.into()],
            bytes: file.bytes.unwrap_or(0).into(),
            hash: hash.unwrap_or_default(),
            parts: [live.parts.0.into(), live.parts.1.into()],
            run: self.runs.place(&meta.run).into(),
            table: self.tables.place(&meta.table).into(),
            bar: bar.into(),
            instrument: instrument.map_or(NONE, |def| self.instrument(def)).into(),
            schema: meta.schema.into(),
            path_bytes: u32::try_from(path_bytes).unwrap_or(NONE).into(),
            known: known.into(),
        }
    }
}

/// A checkpoint as bytes.
pub(crate) fn to_bytes(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut lists = Lists {
        runs: Listed::new(),
        tables: Listed::new(),
        bars: Listed::new(),
        instruments: Listed::new(),
        defs: Vec::new(),
        last: NONE,
    };
    let mut rows = Vec::new();
    let mut paths = String::new();
    for live in &checkpoint.files {
        let path = live.file.path.to_string_lossy();
        paths.push_str(&path);
        rows.extend_from_slice(lists.row(live, path.len()).as_bytes());
    }
    let head = Head {
        schema: checkpoint.schema,
        number: checkpoint.number,
        parts: checkpoint.parts.clone(),
        dropped: checkpoint.dropped.clone(),
        bundle: checkpoint.bundle.clone(),
        commit: checkpoint.commit.clone(),
        runs: lists.runs.all,
        tables: lists.tables.all,
        bars: lists.bars.all,
        instruments: lists.defs,
        files: checkpoint.files.len() as u64,
    };
    let head = serde_json::to_vec(&head).expect("plain fields are JSON");
    let mut content = (head.len() as u64).to_le_bytes().to_vec();
    content.extend_from_slice(&head);
    content.extend_from_slice(&rows);
    content.extend_from_slice(paths.as_bytes());
    let packed = zstd::bulk::compress(&content, zstd::DEFAULT_COMPRESSION_LEVEL)
        .expect("memory takes what is written into it");
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&xxh3_128(&packed).to_le_bytes());
    bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&packed);
    bytes
}

/// Whether the bytes are a checkpoint of this layout, or of a later one, rather than JSON.
pub(crate) fn is_manifest(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC[..MAGIC.len() - 1])
}

/// A checkpoint from its bytes; what is wrong with them, in words, if they are none.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, String> {
    let damaged = || "bytes that are damaged or cut short".to_owned();
    let (prefix, packed) = bytes.split_at_checked(PREFIX).ok_or_else(damaged)?;
    let (magic, numbers) = prefix.split_at(MAGIC.len());
    if magic != MAGIC {
        let version = String::from_utf8_lossy(&magic[MAGIC.len() - 1..]).into_owned();
        return Err(format!("an index of layout {version}"));
    }
    let (hash, len) = numbers.split_at(16);
    if hash != xxh3_128(packed).to_le_bytes() {
        return Err(damaged());
    }
    let len = U64::read_from_bytes(len).map_err(|_| damaged())?.get();
    let len = usize::try_from(len).map_err(|_| damaged())?;
    if len > MANIFEST_BYTES_MAX {
        return Err(format!(
            "an index of {len} bytes, above {MANIFEST_BYTES_MAX}"
        ));
    }
    let content = zstd::bulk::decompress(packed, len).map_err(|_| damaged())?;
    if content.len() != len {
        return Err(damaged());
    }
    parse(&content).ok_or_else(damaged)?
}

fn parse(content: &[u8]) -> Option<Result<Checkpoint, String>> {
    let (head_bytes, rest) = U64::read_from_prefix(content).ok()?;
    let (head, rest) = rest.split_at_checked(usize::try_from(head_bytes.get()).ok()?)?;
    let head: Head = match serde_json::from_slice(head) {
        Ok(head) => head,
        Err(error) => return Some(Err(error.to_string())),
    };
    let rows_bytes = usize::try_from(head.files)
        .ok()?
        .checked_mul(size_of::<Row>())?;
    let (rows, paths) = rest.split_at_checked(rows_bytes)?;
    let rows = <[Row]>::ref_from_bytes(rows).ok()?;
    let mut paths = std::str::from_utf8(paths).ok()?;
    let mut files = Vec::with_capacity(rows.len());
    for row in rows {
        let (path, others) = paths.split_at_checked(usize::try_from(row.path_bytes.get()).ok()?)?;
        paths = others;
        files.push(row.file(path, &head)?);
    }
    if !paths.is_empty() {
        return None;
    }
    Some(Ok(Checkpoint {
        schema: head.schema,
        number: head.number,
        parts: head.parts,
        files,
        dropped: head.dropped,
        bundle: head.bundle,
        commit: head.commit,
    }))
}

impl Row {
    /// `None` if it names what is not in the lists.
    fn file(&self, path: &str, head: &Head) -> Option<LiveFile> {
        let key = |of: &[U64; 2]| Key {
            seq: of[0].get(),
            output: of[1].get(),
        };
        let is_known = |bit: u32| self.known.get() >> bit & 1 == 1;
        let released = (Ts(self.released[0].get()), Ts(self.released[1].get()));
        Some(LiveFile {
            parts: (self.parts[0].get(), self.parts[1].get()),
            file: PartFile {
                path: PathBuf::from(path),
                bytes: is_known(1).then(|| self.bytes.get()),
                hash: is_known(2).then(|| format!("{:032x}", u128::from_be_bytes(self.hash))),
                meta: FileMeta {
                    schema: self.schema.get(),
                    table: *listed(&head.tables, self.table)??,
                    run: listed(&head.runs, self.run)??.clone(),
                    instrument: listed(&head.instruments, self.instrument)?.cloned(),
                    bar: listed(&head.bars, self.bar)?.copied(),
                    rows: self.rows.get(),
                    first: key(&self.first),
                    last: key(&self.last),
                    ts_min: Ts(self.times[0].get()),
                    ts_max: Ts(self.times[1].get()),
                    released: is_known(0).then_some(released),
                },
            },
        })
    }
}

/// What a row names of a list: nothing, or what is there; `None` if the list has no such place.
fn listed<T>(all: &[T], at: U32) -> Option<Option<&T>> {
    match at.get() {
        NONE => Some(None),
        at => all.get(usize::try_from(at).ok()?).map(Some),
    }
}

fn hash_bytes(text: &str) -> Option<[u8; 16]> {
    let number = (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok())??;
    Some(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(n: u32, known: u8, has_def: bool) -> LiveFile {
        let wide = u64::from(n) << 31;
        let name = format!("V.S{}/é", n % 3);
        let def = InstrumentDef::new(&name, u8::try_from(n % 9).unwrap(), 2, "USD");
        let times = (Ts(-i64::from(n)), Ts(i64::MAX - i64::from(n)));
        LiveFile {
            parts: (n, n + 1),
            file: PartFile {
                path: PathBuf::from(format!("kind=bars/instrument={n}é/x-{n}.parquet")),
                bytes: (known & 1 != 0).then_some(wide),
                hash: (known & 2 != 0).then(|| format!("{:032x}", u128::from(wide) << 60)),
                meta: FileMeta {
                    schema: 1 + n % 5,
                    table: [Table::Bars, Table::Trades][usize::try_from(n % 2).unwrap()],
                    run: format!("run-{}", n % 2),
                    instrument: has_def.then_some(def),
                    bar: n
                        .is_multiple_of(2)
                        .then_some(BarSpec::Time(1_000_000 * (1 + i64::from(n)))),
                    rows: wide + 1,
                    first: Key {
                        seq: wide,
                        output: 0,
                    },
                    last: Key {
                        seq: u64::MAX,
                        output: wide,
                    },
                    ts_min: times.0,
                    ts_max: times.1,
                    released: (known & 4 != 0).then_some(times),
                },
            },
        }
    }

    fn checkpoint(files: Vec<LiveFile>) -> Checkpoint {
        let covered = CoveredPart {
            source: "import:{}".to_owned(),
            rows: BTreeMap::from([(Table::Bars, 7)]),
            released: Some(Ts(5)),
        };
        Checkpoint {
            schema: 5,
            number: 3,
            parts: BTreeMap::from([(0, covered)]),
            bundle: files.len().is_multiple_of(2).then(|| "import-1".to_owned()),
            commit: files.len().is_multiple_of(3).then(|| "0a".to_owned()),
            files,
            dropped: Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            files in proptest::collection::vec((any::<u16>(), any::<u8>(), any::<bool>()), 0..40)
        ) {
            let files = files.into_iter().map(|(n, known, has_def)| file(n.into(), known, has_def));
            let one = checkpoint(files.collect());
            let bytes = to_bytes(&one);
            prop_assert!(is_manifest(&bytes));
            prop_assert_eq!(from_bytes(&bytes), Ok(one));
        }

        #[test]
        fn one_changed_byte_and_a_missing_end_are_noticed(at in any::<prop::sample::Index>(), by in 1_u8..) {
            let mut bytes = to_bytes(&checkpoint(vec![file(1, 7, true), file(2, 0, false)]));
            let at = at.index(bytes.len());
            prop_assert!(from_bytes(&bytes[..at]).is_err());
            bytes[at] ^= by;
            prop_assert!(from_bytes(&bytes).is_err());
        }
    }
}

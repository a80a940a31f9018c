//! What pages are packed in. Nothing is unpacked to more than a page says it is, which was checked before.

use ::parquet::basic::Compression;
use flate2::read::MultiGzDecoder;
use std::cell::RefCell;
use std::io::Read;

/// Reads the pages of one column.
pub(super) enum Codec {
    Plain,
    Snappy,
    Gzip,
    Brotli,
    Zstd,
    /// In blocks of Hadoop, or in a frame, or raw: all of them were written under this name.
    Lz4,
    Lz4Raw,
}

impl Codec {
    /// The codec of a column; the error is one that is not read.
    pub(super) fn of(compression: Compression) -> Result<Codec, String> {
        Ok(match compression {
            Compression::UNCOMPRESSED => Codec::Plain,
            Compression::SNAPPY => Codec::Snappy,
            Compression::GZIP(_) => Codec::Gzip,
            Compression::BROTLI(_) => Codec::Brotli,
            Compression::ZSTD(_) => Codec::Zstd,
            Compression::LZ4 => Codec::Lz4,
            Compression::LZ4_RAW => Codec::Lz4Raw,
            Compression::LZO => return Err("pages packed with LZO, which is not read".to_owned()),
        })
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Codec::Plain)
    }

    /// Appends what is packed, which comes to `size` bytes.
    pub(super) fn unpack(
        &self,
        packed: &[u8],
        size: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), String> {
        let from = into.len();
        match self {
            Codec::Plain => into.extend_from_slice(packed),
            Codec::Snappy => {
                into.resize(from + size, 0);
                let got = snap::raw::Decoder::new().decompress(packed, &mut into[from..]);
                into.truncate(from + got.map_err(told)?);
            }
            Codec::Gzip => read(MultiGzDecoder::new(packed), size, into)?,
            Codec::Brotli => {
                read(
                    brotli_decompressor::Decompressor::new(packed, 1 << 12),
                    size,
                    into,
                )?;
            }
            Codec::Zstd => {
                into.resize(from + size, 0);
                let got = zstd(packed, &mut into[from..])?;
                into.truncate(from + got);
            }
            Codec::Lz4Raw => lz4_raw(packed, size, into)?,
            Codec::Lz4 => {
                let framed = |into: &mut Vec<u8>| {
                    into.truncate(from);
                    read(lz4_flex::frame::FrameDecoder::new(packed), size, into)
                };
                lz4_of_hadoop(packed, size, into)
                    .or_else(|_| framed(into))
                    .or_else(|_| {
                        into.truncate(from);
                        lz4_raw(packed, size, into)
                    })?;
            }
        }
        match into.len() - from {
            got if got == size => Ok(()),
            got => Err(format!("a page of {got} bytes that says it has {size}")),
        }
    }
}

thread_local! {
    /// Unpacks zstd: one a thread, as each takes a hundred thousand bytes.
    static ZSTD: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Unpacks into a place that has as many bytes as there may be; how many there are.
fn zstd(packed: &[u8], into: &mut [u8]) -> Result<usize, String> {
    ZSTD.with_borrow_mut(|zstd| {
        let zstd = match zstd {
            Some(zstd) => zstd,
            none => none.insert(zstd::bulk::Decompressor::new().map_err(told)?),
        };
        zstd.decompress_to_buffer(packed, into).map_err(told)
    })
}

fn told(error: impl ToString) -> String {
    error.to_string()
}

/// Reads to the end, or just beyond what there should be.
fn read(source: impl Read, size: usize, into: &mut Vec<u8>) -> Result<(), String> {
    let most = u64::try_from(size).unwrap_or(u64::MAX).saturating_add(1);
    source.take(most).read_to_end(into).map_err(told)?;
    Ok(())
}

fn lz4_raw(packed: &[u8], size: usize, into: &mut Vec<u8>) -> Result<(), String> {
    let from = into.len();
    into.resize(from + size, 0);
    let got = lz4_flex::block::decompress_into(packed, &mut into[from..]).map_err(told)?;
    into.truncate(from + got);
    Ok(())
}

/// Blocks with both lengths before them, of four bytes each, the most significant first.
fn lz4_of_hadoop(mut packed: &[u8], size: usize, into: &mut Vec<u8>) -> Result<(), String> {
    const NONE: &str = "not in blocks of Hadoop";
    let end = into.len() + size;
    while let Some((unpacked, rest)) = packed.split_first_chunk::<4>() {
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(NONE)?;
        let unpacked = usize::try_from(u32::from_be_bytes(*unpacked)).map_err(told)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(told)?;
        let block = rest.get(..length).ok_or(NONE)?;
        if unpacked > end - into.len() {
            return Err(NONE.to_owned());
        }
        lz4_raw(block, unpacked, into)?;
        packed = &rest[length..];
    }
    match packed {
        [] if into.len() == end => Ok(()),
        _ => Err(NONE.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::parquet::basic::{BrotliLevel, GzipLevel, ZstdLevel};
    use flate2::write::GzEncoder;
    use std::io::Write;

    const TEXT: &[u8] = b"a price is a price is a price is a price";

    fn check(compression: Compression, packed: &[u8]) {
        let codec = Codec::of(compression).unwrap();
        let mut into = b"before ".to_vec();
        codec.unpack(packed, TEXT.len(), &mut into).unwrap();
        assert_eq!(into, [b"before ", TEXT].concat(), "{compression:?}");
        for size in [TEXT.len() - 1, TEXT.len() + 1] {
            assert!(
                codec.unpack(packed, size, &mut Vec::new()).is_err(),
                "{compression:?} {size}"
            );
        }
        for cut in 0..packed.len() {
            assert!(
                codec
                    .unpack(&packed[..cut], TEXT.len(), &mut Vec::new())
                    .is_err(),
                "{compression:?} {cut}"
            );
        }
    }

    #[test]
    fn pages_are_unpacked_to_what_they_say() {
        check(Compression::UNCOMPRESSED, TEXT);
        let snappy = snap::raw::Encoder::new().compress_vec(TEXT).unwrap();
        check(Compression::SNAPPY, &snappy);
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(TEXT).unwrap();
        check(
            Compression::GZIP(GzipLevel::default()),
            &gzip.finish().unwrap(),
        );
        let zstd = zstd::bulk::compress(TEXT, 1).unwrap();
        check(Compression::ZSTD(ZstdLevel::default()), &zstd);
        let raw = lz4_flex::block::compress(TEXT);
        check(Compression::LZ4_RAW, &raw);
        check(Compression::LZ4, &raw);
        let lengths =
            [TEXT.len(), raw.len()].map(|length| u32::try_from(length).unwrap().to_be_bytes());
        check(Compression::LZ4, &[lengths.as_flattened(), &raw].concat());
        // As the library of Arrow for Python packs it.
        let brotli = [
            0x1b, 0x27, 0x00, 0x00, 0xa4, 0x41, 0xc2, 0xd2, 0xe6, 0xd6, 0x24, 0xe4, 0x54, 0x80,
            0x49, 0xf5, 0x76, 0x00,
        ];
        check(Compression::BROTLI(BrotliLevel::default()), &brotli);
        assert!(Codec::of(Compression::LZO).is_err());
    }

    #[test]
    fn a_page_that_grows_without_end_is_cut() {
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&vec![0; 64 << 20]).unwrap();
        let packed = gzip.finish().unwrap();
        let mut into = Vec::new();
        assert!(Codec::Gzip.unpack(&packed, 1_000, &mut into).is_err());
        assert!(into.capacity() < 1 << 20);
    }
}

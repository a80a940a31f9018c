//! Recordings of which a part is there twice: they are what they are without it.

use super::*;
use flate2::read::MultiGzDecoder;
use std::io::Read as _;

/// The lines of a recording.
fn lines(path: &Path) -> Vec<Vec<u8>> {
    let mut text = Vec::new();
    let mut unpacked = MultiGzDecoder::new(std::fs::File::open(path).unwrap());
    // Some are cut off.
    unpacked.read_to_end(&mut text).ok();
    let lines = text.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec);
    lines.collect()
}

fn file(lines: &[Vec<u8>]) -> CaptureSource {
    CaptureSource::Unpacked(PathBuf::from("capture"), lines.join(&b'\n').into())
}

#[test]
fn a_part_of_a_recording_that_is_there_twice_counts_once() {
    let Some(folder) = shared("ws-captures") else {
        return;
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut lines = lines(&path);
        lines.truncate(1_200);
        if !name.contains(".ws.") || lines.len() < 100 {
            continue;
        }
        let whole = read(vec![file(&lines)]);
        assert_eq!(whole.report.lines_again, 0, "{name}");
        for (end, overlap) in [
            (lines.len() / 2, lines.len() / 10),
            (lines.len() - 1, 2),
            (lines.len(), lines.len() / 3),
        ] {
            let (head, tail) = (&lines[..end], &lines[end - overlap..]);
            let twice = read(vec![file(&[head, tail].concat())]);
            let told = format!("{name}, the {overlap} lines before {end}");
            assert!(twice.records == whole.records, "{told}");
            assert_eq!(twice.report.lines_again, overlap as u64, "{told}");
            assert_eq!(twice.report.bad, whole.report.bad, "{told}");
            // Of these two a connection begins with what later messages are about, and each file has its own.
            if name.starts_with("BITFINEX") || name.starts_with("BITMEX") {
                continue;
            }
            let twice = read(vec![file(head), file(tail)]);
            assert!(twice.records == whole.records, "{told}, two files");
            assert_eq!(twice.report.lines_again, overlap as u64, "{told}");
        }
        seen += 1;
    }
    assert_eq!(seen, 11);
}

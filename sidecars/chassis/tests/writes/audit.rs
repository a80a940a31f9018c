//! The audit log: whatever is done to an export of it is found, by our code and by a reader of the document alone.

use crate::random::Random;
use crate::{BEGIN, on_both};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use tickloom_chassis::{
    AuditEntry, AuditError, AuditFault, AuditHead, AuditOutcome, ChassisError, Database,
    NewAuditEntry, append_audit, audit_after, audit_head, export_audit, verify_audit,
};
use tickloom_types::Ts;

/// Reads an export as docs/audit.md describes it, and prints its head or the number of the first line that is wrong.
const BY_THE_DOCUMENT: &str = r#"
import hashlib, json, sys

MEMBERS = ["position", "at", "actor", "request", "action", "resource", "outcome", "detail", "previous", "hash"]
before, position = "0" * 64, 0
for line, text in enumerate(open(sys.argv[1], "rb").read().split(b"\n")[:-1], 1):
    try:
        entry = json.loads(text.decode())
        assert list(entry) == MEMBERS
        assert json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() == text
        data = b"tickloom audit 1\n" + bytes.fromhex(entry["previous"])
        data += entry["position"].to_bytes(8, "big", signed=True) + entry["at"].to_bytes(8, "big", signed=True)
        for member in MEMBERS[2:8]:
            member = entry[member].encode()
            data += len(member).to_bytes(8, "big") + member
        assert hashlib.sha256(data).hexdigest() == entry["hash"]
        assert entry["previous"] == before and entry["position"] == position + 1
    except Exception:
        print("line", line)
        sys.exit()
    before, position = entry["hash"], entry["position"]
print("head", position, before)
"#;

fn entry(n: i64, detail: &str) -> NewAuditEntry {
    NewAuditEntry {
        at: Ts(BEGIN.0 + n),
        actor: format!("user/usr_{n}"),
        request: "req_1".to_owned(),
        action: "create_key".to_owned(),
        resource: format!("key/key_{n}"),
        outcome: if n % 3 == 0 {
            AuditOutcome::Refused
        } else {
            AuditOutcome::Done
        },
        detail: detail.to_owned(),
    }
}

/// Texts that are hard to write down.
const DETAILS: [&str; 5] = [
    "",
    r#"{"name":"ü 漢 😀"}"#,
    "\"\\/\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}\u{2028}",
    r#"{"a":[1,2,{"b":null}]}"#,
    "</script>",
];

/// An export as it is in a file, and its head.
async fn export(database: &Database) -> (Vec<u8>, AuditHead) {
    let mut lines = String::new();
    let head = export_audit(database, |line| {
        lines += line;
        lines.push('\n');
    });
    let head = head.await.unwrap();
    (lines.into_bytes(), head)
}

async fn appended(database: &Database, count: i64) -> (Vec<u8>, AuditHead) {
    for n in 0..count {
        let mut write = database.write().await.unwrap();
        let detail = DETAILS[usize::try_from(n).unwrap() % DETAILS.len()];
        append_audit(&mut write, &entry(n, detail)).await.unwrap();
        write.commit().await.unwrap();
    }
    let (export, head) = export(database).await;
    assert_eq!(head, audit_head(database).await.unwrap());
    (export, head)
}

/// An export of so many entries, from SQLite.
fn exported(count: i64) -> (Vec<u8>, AuditHead) {
    let folder = tempfile::tempdir().unwrap();
    let place = tickloom_chassis::Place::Folder(folder.path().to_owned());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let database = Database::open(&place, "log", &[]).await.unwrap();
        let exported = appended(&database, count).await;
        database.close().await;
        exported
    })
}

fn lines(export: &[u8]) -> Vec<Vec<u8>> {
    export
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

/// The line of a fault, if it is of one.
fn line_of(fault: &AuditFault) -> Option<u64> {
    match fault {
        AuditFault::Line { line, .. }
        | AuditFault::Changed { line, .. }
        | AuditFault::Missing { line, .. }
        | AuditFault::Extra { line, .. }
        | AuditFault::Unlinked { line, .. } => Some(*line),
        _ => None,
    }
}

fn found(export: &[u8], noted: Option<&AuditHead>) -> AuditFault {
    match verify_audit(export, noted) {
        Ok(head) => panic!("nothing was found, and the head is {head:?}"),
        Err(fault) => fault,
    }
}

#[test]
fn entries_are_a_chain_on_both_engines_whoever_appends_and_whoever_gives_up() {
    on_both(|place| async move {
        let database = Database::open(&place, "chain", &[]).await.unwrap();
        assert_eq!(audit_head(&database).await.unwrap(), AuditHead::start());
        assert_eq!(export(&database).await, (Vec::new(), AuditHead::start()));
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..4 {
            let database = database.clone();
            writers.spawn(async move {
                for n in 0..150 {
                    let mut write = database.write().await.unwrap();
                    append_audit(&mut write, &entry(writer, DETAILS[n % 5]))
                        .await
                        .unwrap();
                    if n % 5 == 0 {
                        drop(write);
                        continue;
                    }
                    write.commit().await.unwrap();
                }
            });
        }
        writers.join_all().await;
        let head = audit_head(&database).await.unwrap();
        // 4 writers, 150 entries each, every fifth given up: more than one portion of an export.
        assert_eq!(head.position, 480);
        let (export, _) = export(&database).await;
        assert_eq!(verify_audit(&export[..], Some(&head)).unwrap(), head);
        let entries = audit_after(&database, 478, 10).await.unwrap();
        let positions: Vec<i64> = entries.iter().map(|entry| entry.position).collect();
        assert_eq!(positions, [479, 480]);
        assert_eq!(entries[1].head(), head);
        database.close().await;
    });
}

#[test]
fn a_log_that_somebody_was_at_is_not_continued() {
    on_both(|place| async move {
        let database = Database::open(&place, "broken", &[]).await.unwrap();
        appended(&database, 3).await;
        let mut write = database.write().await.unwrap();
        sqlx::query("DELETE FROM audit WHERE position = 3")
            .execute(write.connection())
            .await
            .unwrap();
        write.commit().await.unwrap();
        let mut write = database.write().await.unwrap();
        let refused = append_audit(&mut write, &entry(1, "")).await.unwrap_err();
        let broken = matches!(
            refused,
            ChassisError::Audit(AuditError::Broken { position: 3 })
        );
        assert!(broken, "{refused}");
        drop(write);
        for (wrong, expected) in [
            (entry(1, "a\0b"), AuditError::Nul { field: "detail" }),
            (
                entry(1, &"x".repeat(65_536)),
                AuditError::Long { bytes: 65_570 },
            ),
        ] {
            let mut write = database.write().await.unwrap();
            let refused = append_audit(&mut write, &wrong).await.unwrap_err();
            assert!(matches!(refused, ChassisError::Audit(found) if found == expected));
        }
        database.close().await;
    });
}

#[test]
fn any_byte_that_is_changed_is_found_where_it_is() {
    let (export, head) = exported(5);
    assert_eq!(verify_audit(&export[..], None).unwrap(), head);
    for at in 0..export.len() {
        for change in [0x01, 0x04, 0x20, 0x80] {
            let mut edited = export.clone();
            edited[at] ^= change;
            let fault = found(&edited, None);
            let is_before = |byte: &&u8| **byte == b'\n';
            let line = 1 + export[..at].iter().filter(is_before).count() as u64;
            assert_eq!(
                line_of(&fault),
                Some(line),
                "byte {at} by {change}: {fault}"
            );
        }
    }
}

/// A forger's entry: with a right hash of its own, behind another.
fn forged(before: &[u8], n: i64) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let place = tickloom_chassis::Place::Folder(folder.path().to_owned());
    let before: AuditEntry = serde_json::from_slice(before).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut line = runtime.block_on(async {
        let database = Database::open(&place, "forger", &[]).await.unwrap();
        let mut write = database.write().await.unwrap();
        // The forger has our code, and a database that says what it likes.
        sqlx::query("INSERT INTO stream (name, head) VALUES ('audit', $1)")
            .bind(before.position)
            .execute(write.connection())
            .await
            .unwrap();
        sqlx::query("INSERT INTO audit VALUES ($1, 0, '', '', '', '', '', '', '', $2)")
            .bind(before.position)
            .bind(&before.hash)
            .execute(write.connection())
            .await
            .unwrap();
        append_audit(&mut write, &entry(n, "forged")).await.unwrap();
        write.commit().await.unwrap();
        audit_after(&database, before.position, 1).await.unwrap()[0].line()
    });
    line.push('\n');
    line.into_bytes()
}

/// What is done to an export, and the line at which that has to be found: the first that is not as it was, or the one after a forged
/// entry that is right in itself.
fn edited(lines: &[Vec<u8>], random: &mut Random) -> (Vec<Vec<u8>>, usize, &'static str) {
    let count = lines.len() as u64;
    let mut edited = lines.to_vec();
    let at = usize::try_from(random.below(count - 1)).unwrap();
    match random.below(5) {
        0 => {
            edited.remove(at);
            (edited, at + 1, "removed")
        }
        1 => {
            let rest = u64::try_from(lines.len() - at - 1).unwrap();
            let other = at + 1 + usize::try_from(random.below(rest)).unwrap();
            edited.swap(at, other);
            (edited, at + 1, "swapped")
        }
        2 => {
            let again = lines[usize::try_from(random.below(count)).unwrap()].clone();
            edited.insert(at, again.clone());
            // One that is put before itself is itself, and found when it comes again.
            let line = if again == lines[at] { at + 2 } else { at + 1 };
            (edited, line, "repeated")
        }
        3 => {
            edited.insert(at + 1, forged(&lines[at], 1));
            (edited, at + 3, "put in between")
        }
        _ => {
            if at + 2 == lines.len() {
                edited.remove(at);
                return (edited, at + 1, "removed");
            }
            edited[at + 1] = forged(&lines[at], 2);
            (edited, at + 3, "replaced")
        }
    }
}

#[test]
fn whatever_is_removed_swapped_or_put_in_is_found_where_it_is() {
    let mut random = Random(0xA0D17);
    let (export, head) = exported(12);
    let whole = lines(&export);
    let mut kinds = std::collections::BTreeMap::new();
    for case in 0..300 {
        let count = 2 + usize::try_from(random.below(11)).unwrap();
        let (edited, line, how) = edited(&whole[..count], &mut random);
        let fault = found(&edited.concat(), None);
        assert_eq!(
            line_of(&fault),
            Some(line as u64),
            "case {case}, {how}: {fault}"
        );
        *kinds.entry(how).or_insert(0) += 1;
    }
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    // An end that is cut off, whole lines or not.
    for count in 0..12 {
        let cut = whole[..count].concat();
        assert!(verify_audit(&cut[..], None).is_ok());
        let fault = found(&cut, Some(&head));
        let truncated = matches!(fault, AuditFault::Truncated { noted: 12, .. });
        assert!(truncated, "{fault}");
    }
    let half = &export[..export.len() - 1];
    assert_eq!(line_of(&found(half, None)), Some(12));
    // A last entry of somebody else's, which is right in itself.
    let mut anew = whole[..11].to_vec();
    anew.push(forged(&whole[10], 3));
    let fault = found(&anew.concat(), Some(&head));
    assert!(
        matches!(fault, AuditFault::Rewritten { position: 12 }),
        "{fault}"
    );
    // A head that was noted earlier is still one of the log.
    let early: AuditEntry = serde_json::from_slice(&whole[4]).unwrap();
    assert_eq!(
        verify_audit(&export[..], Some(&early.head())).unwrap(),
        head
    );
}

#[test]
fn a_line_without_an_end_takes_no_memory() {
    let endless = std::io::BufReader::new(std::io::repeat(b'x'));
    let fault = verify_audit(endless, None).unwrap_err();
    assert_eq!(line_of(&fault), Some(1));
}

/// What a Python that knows the document alone says of an export.
fn by_the_document(python: &Path, export: &[u8]) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(export).unwrap();
    let said = Command::new(python)
        .args(["-c", BY_THE_DOCUMENT])
        .arg(file.path())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{errors}");
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_document_alone_is_enough_to_verify() {
    let python = Path::new("python3");
    if Command::new(python).arg("--version").output().is_err() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "python3 is not installed"
        );
        return;
    }
    let (export, head) = exported(10);
    let expected = format!("head {} {}", head.position, head.hash);
    assert_eq!(by_the_document(python, &export), expected);
    let whole = lines(&export);
    let mut random = Random(7);
    for _ in 0..10 {
        let (edited, line, how) = edited(&whole, &mut random);
        let said = by_the_document(python, &edited.concat());
        assert_eq!(said, format!("line {line}"), "{how}");
    }
}

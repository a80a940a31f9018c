//! Backups: made while services write, refused when they are not what they were, and whole or not there whatever is killed.

#![cfg(test)]

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tickloom_chassis::{
    AuditOutcome, BackupError, BackupStep, ChassisError, Database, Migration, Migrations,
    NewAuditEntry, NewEvent, Place, append, append_audit, audit_head, back_up, check_audit,
    check_events, head, read_backup, restore,
};
use tickloom_types::Ts;
use tokio::runtime::Runtime;

const CHILD: &str = "TICKLOOM_BACKUP_CHILD";
const NOW: Ts = Ts(1_700_000_000_000_000_000);
const STEPS: Migrations = &[Migration {
    name: "note",
    sql: "CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT NOT NULL)",
}];

/// Writes a note: its row, its event and its entry.
async fn note(database: &Database, text: &str) {
    let mut write = database.write().await.unwrap();
    let event = NewEvent {
        aggregate: format!("note/{}", uuid::Uuid::now_v7()),
        version: 1,
        kind: "written",
        v: 1,
        at: NOW,
        actor: "user/me".to_owned(),
        request: String::new(),
        body: "{}".to_owned(),
    };
    let position = append(&mut write, &event).await.unwrap();
    sqlx::query("INSERT INTO note (id, text) VALUES ($1, $2)")
        .bind(position)
        .bind(text)
        .execute(write.connection())
        .await
        .unwrap();
    let entry = NewAuditEntry {
        at: NOW,
        actor: event.actor,
        request: String::new(),
        action: "written".to_owned(),
        resource: event.aggregate,
        outcome: AuditOutcome::Done,
        detail: String::new(),
    };
    append_audit(&mut write, &entry).await.unwrap();
    write.commit().await.unwrap();
}

async fn open(folder: &Path, service: &str) -> Database {
    let place = Place::Folder(folder.to_owned());
    Database::open(&place, service, STEPS).await.unwrap()
}

async fn notes(database: &Database) -> i64 {
    let count = sqlx::query_scalar("SELECT CAST(count(*) AS BIGINT) FROM note");
    count.fetch_one(database.reader()).await.unwrap()
}

/// A folder with two services, of so many notes each.
async fn two_services(folder: &Path, count: usize) {
    for service in ["one", "two"] {
        let database = open(folder, service).await;
        for _ in 0..count {
            note(&database, &"x".repeat(500)).await;
        }
        database.close().await;
    }
}

async fn save(from: &Path, to: &Path) -> Result<tickloom_chassis::Manifest, ChassisError> {
    back_up(&Place::Folder(from.to_owned()), to, NOW, |_| {}).await
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let entries = fs::read_dir(folder).unwrap().map(name);
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_of_one_moment_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let (data, saved, again) = (
        folder.path().join("data"),
        folder.path().join("saved"),
        folder.path().join("again"),
    );
    two_services(&data, 3).await;
    let database = open(&data, "one").await;
    let writers: Vec<_> = (0..2)
        .map(|_| {
            let database = database.clone();
            tokio::spawn(async move {
                for _ in 0..40 {
                    note(&database, "more").await;
                }
            })
        })
        .collect();
    let manifest = save(&data, &saved).await.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(names(&saved), ["manifest.json", "one.db", "two.db"]);
    assert_eq!(read_backup(&saved).await.unwrap(), manifest);
    let [one, two] = &manifest.services[..] else {
        panic!("{manifest:?}");
    };
    assert_eq!((manifest.made, two.events, two.audit), (NOW.0, 3, 3));
    assert_eq!((one.steps, one.events), ((4, 1), one.audit));
    assert!((3..=83).contains(&one.events), "{one:?}");
    assert_eq!(notes(&database).await, 83);

    assert_eq!(restore(&saved, &again, |_| {}).await.unwrap(), manifest);
    let copy = open(&again, "one").await;
    assert_eq!(notes(&copy).await, one.events);
    assert_eq!(head(&copy).await.unwrap(), one.events);
    let found = audit_head(&copy).await.unwrap();
    assert_eq!((found.position, &found.hash), (one.audit, &one.audit_hash));
    // It goes on from there.
    note(&copy, "after").await;
    assert_eq!(check_events(&copy).await.unwrap(), one.events + 1);
    assert_eq!(check_audit(&copy).await.unwrap().position, one.audit + 1);
    copy.close().await;
    database.close().await;
    use std::os::unix::fs::PermissionsExt;
    for place in [&saved, &again] {
        assert_eq!(
            fs::metadata(place).unwrap().permissions().mode() & 0o777,
            0o700
        );
        let file = fs::metadata(place.join("two.db")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn nothing_is_overwritten_and_what_is_damaged_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    two_services(&at("data"), 2).await;
    save(&at("data"), &at("saved")).await.unwrap();
    let occupied = save(&at("data"), &at("saved")).await.unwrap_err();
    assert!(matches!(
        occupied,
        ChassisError::Backup(BackupError::Occupied(_))
    ));
    let occupied = restore(&at("saved"), &at("data"), |_| {})
        .await
        .unwrap_err();
    assert!(matches!(
        occupied,
        ChassisError::Backup(BackupError::Occupied(_))
    ));
    let nothing = save(&at("saved/none"), &at("x")).await.unwrap_err();
    assert!(matches!(nothing, ChassisError::Io { .. }), "{nothing}");
    fs::create_dir(at("empty")).unwrap();
    let nothing = save(&at("empty"), &at("x")).await.unwrap_err();
    assert!(matches!(
        nothing,
        ChassisError::Backup(BackupError::Nothing(_))
    ));
    let server = Place::Server("postgres://x@localhost/x".to_owned());
    let server = back_up(&server, &at("x"), NOW, |_| {}).await.unwrap_err();
    assert!(server.to_string().contains("pg_dump"), "{server}");

    let refused = async |why: &str| {
        let error = restore(&at("saved"), &at("again"), |_| {})
            .await
            .unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert!(!at("again").exists() && !at(".again.tickloom-partial").exists());
    };
    let (file, manifest) = (at("saved/two.db"), at("saved/manifest.json"));
    let whole = fs::read(&file).unwrap();
    let mut other = whole.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&file, &other).unwrap();
    refused("its hash is of something else").await;
    fs::write(&file, &whole[1..]).unwrap();
    refused("bytes, expected").await;
    fs::remove_file(&file).unwrap();
    refused("cannot open").await;
    fs::write(&file, &whole).unwrap();
    let text = fs::read_to_string(&manifest).unwrap();
    for (from, to, why) in [
        ("\"two\"", "\"../two\"", "one that cannot be"),
        ("\"two\"", "\"one\"", "twice"),
        (
            "\"format\": 1",
            "\"format\": 2",
            "its format is 2, expected 1",
        ),
        ("\"events\": 2", "\"events\": 3", "expected SavedService"),
        ("\"made\"", "\"mode\"", "unknown field"),
    ] {
        assert!(text.contains(from), "{text}");
        fs::write(&manifest, text.replacen(from, to, 1)).unwrap();
        refused(why).await;
    }
    fs::write(&manifest, &text).unwrap();
    restore(&at("saved"), &at("again"), |_| {}).await.unwrap();
}

#[tokio::test]
async fn a_database_whose_file_is_gone_is_not_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // One of two, while something of it is there.
    two_services(&at("half"), 2).await;
    fs::rename(at("half/two.db"), at("two.db")).unwrap();
    for name in ["two.keys", "two.db-wal", "two.db-shm"] {
        fs::write(at("half").join(name), "").unwrap();
        let gone = save(&at("half"), &at("x")).await.unwrap_err().to_string();
        assert_eq!(
            gone,
            format!(
                "{} is gone, and {} is there: put it back, or remove that",
                at("half/two.db").display(),
                at("half").join(name).display()
            )
        );
        assert!(!at("x").exists());
        fs::remove_file(at("half").join(name)).unwrap();
    }
}

#[tokio::test]
async fn what_was_changed_from_outside_is_not_saved_as_if_it_were_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, change, why) in [
        (
            "audit",
            "UPDATE audit SET actor = 'user/you' WHERE position = 1",
            "entry 1 was changed",
        ),
        (
            "event",
            "DELETE FROM event WHERE position = 1",
            "it counts 2 events, and there are 1",
        ),
    ] {
        two_services(&at(name), 2).await;
        let database = open(&at(name), "two").await;
        sqlx::query(change)
            .execute(database.reader())
            .await
            .unwrap();
        database.close().await;
        let refused = save(&at(name), &at("saved")).await.unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
        assert_eq!(
            names(folder.path())
                .iter()
                .filter(|name| name.contains("saved"))
                .count(),
            0
        );
    }
}

/// What is killed, when this executable is called by the test; nothing otherwise. It says each step, and waits until it may go on.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else {
        return;
    };
    let task: Value = serde_json::from_str(&task).unwrap();
    let path = |name: &str| Path::new(task[name].as_str().unwrap()).to_owned();
    let (from, to) = (path("from"), path("to"));
    let told = |step: BackupStep<'_>| {
        println!("\nstep {step}");
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        assert_eq!(read.unwrap(), 1);
    };
    let runtime = Runtime::new().unwrap();
    if task["is_restore"] == true {
        runtime.block_on(restore(&from, &to, told)).unwrap();
    } else {
        let place = Place::Folder(from);
        let saved = back_up(&place, &to, NOW, told);
        runtime.block_on(saved).unwrap();
    }
}

/// Kills a process that saves or puts back while it stands at this step, and returns the steps up to there; all steps if it never does.
fn kill(from: &Path, to: &Path, is_restore: bool, at: usize) -> Vec<String> {
    use std::io::{BufRead, Write};
    let task = serde_json::json!({"from": from, "to": to, "is_restore": is_restore});
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, task.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut go_on = process.stdin.take().unwrap();
    let out = std::io::BufReader::new(process.stdout.take().unwrap());
    let mut steps = Vec::new();
    for line in out.lines().map_while(Result::ok) {
        let Some(step) = line.strip_prefix("step ") else {
            continue;
        };
        steps.push(step.to_owned());
        if steps.len() > at {
            process.kill().unwrap();
            break;
        }
        go_on.write_all(b"\n").unwrap();
    }
    let ended = process.wait().unwrap();
    assert_eq!(ended.success(), steps.len() <= at, "{steps:?}");
    steps
}

const SAVING: [&str; 7] = [
    "begun",
    "one: written",
    "one: read again, and whole",
    "two: written",
    "two: read again, and whole",
    "complete",
    "there under its name",
];

#[test]
fn whatever_is_killed_a_folder_is_whole_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(two_services(&at("data"), 100));
    let whole = runtime.block_on(save(&at("data"), &at("whole"))).unwrap();
    let mut putting_back = vec!["one: its backup is whole", "two: its backup is whole"];
    putting_back.extend(SAVING);
    for (is_restore, all) in [(false, SAVING.to_vec()), (true, putting_back)] {
        let from = if is_restore { at("whole") } else { at("data") };
        let to = at("to");
        for step in 0..=all.len() {
            // What the one before left is in nobody's way.
            let steps = kill(&from, &to, is_restore, step);
            assert_eq!(steps, all[..all.len().min(step + 1)]);
            let is_there = step + 1 >= all.len();
            assert_eq!(to.exists(), is_there, "{steps:?}");
            if is_there && !is_restore {
                let manifest = runtime.block_on(read_backup(&to)).unwrap();
                assert_eq!(manifest.services, whole.services);
            }
            for service in ["one", "two"] {
                let place = Place::Folder(if is_restore { to.clone() } else { at("data") });
                let database = runtime
                    .block_on(Database::existing(&place, service))
                    .unwrap();
                assert_eq!(database.is_some(), is_there || !is_restore);
                if let Some(database) = database {
                    runtime.block_on(async {
                        assert_eq!(notes(&database).await, 100);
                        assert_eq!(check_audit(&database).await.unwrap().position, 100);
                        database.close().await;
                    });
                }
            }
            fs::remove_dir_all(&to).ok();
        }
        assert!(!at(".to.tickloom-partial").exists());
    }
}

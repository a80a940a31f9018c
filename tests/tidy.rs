//! Rules of the project that no compiler checks: who may depend on whom, how long a file may be, what
//! words, paths and links may stand in it. It reads files and runs no product code.
//!
//! A rule that has to change changes here, with a page in `docs/decisions` where it is a design
//! decision (a new dependency between our crates is one).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Our crates and which of our crates each may use. Nothing else is allowed.
const CRATE_GRAPH: &[(&str, &[&str])] = &[
    ("engine/types", &[]),
    ("engine/ring", &[]),
    ("engine/stats", &[]),
    ("engine/signals", &["types"]),
    ("engine/core", &["types", "signals"]),
    ("engine/wire", &["types"]),
    ("feeds", &["types"]),
    ("data/journal", &["types"]),
    ("data/catalog", &["types", "journal"]),
    ("data/formats", &["types", "journal", "catalog"]),
    ("data", &["types", "journal", "catalog", "formats"]),
    ("data/sql", &["types", "journal", "catalog", "data"]),
    (
        "backtest",
        &["types", "signals", "core", "journal", "data", "stats"],
    ),
    ("sidecars/chassis", &["types", "journal"]),
    ("sidecars/activity", &["types", "journal", "chassis"]),
    ("sidecars/auth", &["types", "chassis"]),
    ("sidecars/template", &["types", "chassis"]),
    ("xtask", &[]),
    (
        ".",
        &[
            "types", "ring", "signals", "core", "stats", "wire", "feeds", "journal", "catalog",
            "formats", "data", "sql", "backtest", "chassis", "activity", "auth",
        ],
    ),
];

/// Crates of others that only these places may use, so that they can be replaced there. Where a name
/// ends with a star, it stands for all that begin so. The root package is not bound by this.
const KEPT_IN_PLACE: &[(&str, &[&str])] = &[
    ("zmq*", &["engine/wire"]),
    ("disruptor", &["engine/ring"]),
    ("tokio-tungstenite", &["feeds"]),
    ("object_store", &["data/catalog"]),
    ("questdb-rs", &["data"]),
    ("dbn", &["data/formats"]),
    ("zip", &["data/formats"]),
    ("csv*", &["data/formats", "data"]),
    ("arrow-ipc", &["data/formats"]),
    ("parquet", &["data/catalog", "data/formats"]),
    ("arrow-*", &["data/catalog", "data/formats"]),
    ("polars*", &["data/sql"]),
    ("sqlparser", &["data/sql"]),
    ("hyper*", &["sidecars/chassis"]),
    ("tower*", &["sidecars/chassis"]),
    ("tonic-health", &["sidecars/chassis"]),
    ("tonic-reflection", &["sidecars/chassis"]),
    ("rcgen", &["sidecars/chassis"]),
    ("x509-parser", &["sidecars/chassis"]),
    ("webpki-roots", &["sidecars/chassis"]),
    ("lettre", &["sidecars/chassis"]),
    ("argon2", &["sidecars/auth"]),
    ("zxcvbn", &["sidecars/auth"]),
    ("totp-rs", &["sidecars/auth"]),
    ("minicbor", &["sidecars/auth"]),
    ("qrcodegen", &["sidecars/auth"]),
    ("cookie", &["sidecars/chassis"]),
];

/// Longest file, in lines, without its tests; and how many may be longer than what is comfortable.
const FILE_LINES_MAX: usize = 800;
const FILE_LINES_COMFORTABLE: usize = 400;
/// A ratchet: lower it when a long file was split, and never raise it.
const LONG_FILES_MAX: usize = 8;
/// Lines of an operation of a service: it extracts, authorises, calls and answers.
const HANDLER_LINES_MAX: usize = 25;

/// Never in Rust code. (This file is not searched: it has to name them.)
const BANNED_IN_CODE: &[(&str, &str)] = &[
    ("todo!(", "finish it or leave it out"),
    ("unimplemented!(", "finish it or leave it out"),
    ("FIXME", "fix it, or open an issue"),
    ("TODO", "do it, or open an issue"),
    ("XXX", "say what is meant"),
    ("dbg!(", "left over from debugging"),
    ("#[ignore", "a test runs or is not there"),
    ("#[allow(", "use #[expect(..., reason = ...)]"),
];

/// Never in any text: folders that exist on one machine only.
const MACHINE_PATHS: &[&str] = &["/work/", "/root/", "/home/", "/tmp/"];

/// Folders and files that are not the project's text.
const NOT_OURS: &[&str] = &[".git", "target", ".venv", "__pycache__", "Cargo.lock"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn read_toml(path: &Path) -> Table {
    let text = read(path);
    text.parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files with one of the extensions, as paths below the root with forward slashes, sorted.
fn files(extensions: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the project can be listed") {
            let path = entry.expect("an entry can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if NOT_OURS.contains(&name.as_ref()) || name.starts_with("tickloom-demo") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let extension = path.extension().unwrap_or_default().to_string_lossy();
            if extensions.contains(&extension.as_ref()) {
                let below = path.strip_prefix(root()).expect("it is below the root");
                found.push(below.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// Fails with all complaints at once.
fn report(rule: &str, complaints: &[String]) {
    assert!(
        complaints.is_empty(),
        "{rule}:\n  {}\n",
        complaints.join("\n  ")
    );
}

/// Names in the dependency tables of a manifest, including those for one platform only.
fn dependencies(manifest: &Table) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add_from = |table: &Table| {
        for key in ["dependencies", "build-dependencies", "dev-dependencies"] {
            if let Some(Value::Table(entries)) = table.get(key) {
                names.extend(entries.keys().cloned());
            }
        }
    };
    add_from(manifest);
    if let Some(Value::Table(targets)) = manifest.get("target") {
        targets
            .values()
            .filter_map(Value::as_table)
            .for_each(add_from);
    }
    names
}

#[test]
fn crates_depend_only_on_whom_they_may() {
    let workspace = read_toml(&root().join("Cargo.toml"));
    let members: BTreeSet<&str> = workspace["workspace"]["members"]
        .as_array()
        .expect("members is a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let graph: BTreeMap<&str, &[&str]> = CRATE_GRAPH.iter().copied().collect();
    let known: BTreeSet<&str> = graph.keys().copied().filter(|path| *path != ".").collect();
    assert_eq!(
        members, known,
        "members of the workspace and of CRATE_GRAPH"
    );

    let mut complaints = Vec::new();
    for (path, allowed) in graph {
        let manifest = read_toml(&root().join(path).join("Cargo.toml"));
        for name in dependencies(&manifest) {
            if let Some(ours) = name.strip_prefix("tickloom-")
                && !allowed.contains(&ours)
            {
                complaints.push(format!("{path} must not use {name}"));
            }
        }
    }
    report("dependencies between our crates", &complaints);
}

#[test]
fn some_dependencies_are_kept_in_place() {
    let mut complaints = Vec::new();
    for (path, _) in CRATE_GRAPH.iter().filter(|(path, _)| *path != ".") {
        let names = dependencies(&read_toml(&root().join(path).join("Cargo.toml")));
        for (pattern, places) in KEPT_IN_PLACE {
            let matches = |name: &str| match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == *pattern,
            };
            if !places.contains(path) && names.iter().any(|name| matches(name)) {
                let places = places.join(" and ");
                complaints.push(format!("{path} uses {pattern}, which belongs to {places}"));
            }
        }
    }
    report("dependencies that are kept in place", &complaints);
}

#[test]
fn members_take_versions_and_lints_from_the_workspace() {
    let mut complaints = Vec::new();
    for (path, _) in CRATE_GRAPH {
        let manifest = read_toml(&root().join(path).join("Cargo.toml"));
        let lints = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"));
        if lints.and_then(Value::as_bool) != Some(true) {
            complaints.push(format!("{path}: lints.workspace is not true"));
        }
        for key in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let Some(Value::Table(entries)) = manifest.get(key) else {
                continue;
            };
            for (name, entry) in entries {
                let shared = entry.get("workspace").and_then(Value::as_bool);
                if shared != Some(true) {
                    complaints.push(format!(
                        "{path}: the version of {name} is not the workspace's"
                    ));
                }
            }
        }
    }
    report("versions and lints", &complaints);
}

#[test]
fn clippy_settings_of_a_crate_repeat_those_of_the_root() {
    let shared = read_toml(&root().join("clippy.toml"));
    for path in ["engine/core", "engine/signals", "backtest"] {
        let own = read_toml(&root().join(path).join("clippy.toml"));
        for (key, value) in &shared {
            assert_eq!(own.get(key), Some(value), "{path}/clippy.toml: {key}");
        }
        assert!(own.contains_key("disallowed-methods"), "{path}/clippy.toml");
        assert!(own.contains_key("disallowed-types"), "{path}/clippy.toml");
    }
}

/// Lines of a file before its test module; files of tests alone count as none.
fn lines_without_tests(path: &str, text: &str) -> usize {
    let file = path.rsplit('/').next().unwrap_or(path);
    if file.ends_with("tests.rs") || path.starts_with("tests/") || path.contains("/tests/") {
        return 0;
    }
    let tests = "#[cfg(test)]\nmod ";
    text.split(tests).next().unwrap_or(text).lines().count()
}

#[test]
fn files_are_short() {
    let mut long = Vec::new();
    let mut too_long = Vec::new();
    for path in files(&["rs"]) {
        let lines = lines_without_tests(&path, &read(&root().join(&path)));
        if lines > FILE_LINES_MAX {
            too_long.push(format!("{path}: {lines} lines"));
        }
        if lines > FILE_LINES_COMFORTABLE {
            long.push(format!("{path}: {lines} lines"));
        }
    }
    report("files that are too long", &too_long);
    assert!(
        long.len() <= LONG_FILES_MAX,
        "more than {LONG_FILES_MAX} files have over {FILE_LINES_COMFORTABLE} lines:\n  {}\n",
        long.join("\n  ")
    );
}

/// Sources of services, without what they all stand on and without tests.
fn service_sources() -> Vec<String> {
    let is_source = |path: &String| {
        path.starts_with("sidecars/")
            && !path.starts_with("sidecars/chassis/")
            && path.contains("/src/")
            && !path.ends_with("tests.rs")
    };
    files(&["rs"]).into_iter().filter(is_source).collect()
}

#[test]
fn services_keep_rules_pure_and_statements_in_one_place() {
    let mut complaints = Vec::new();
    for path in service_sources() {
        let text = read(&root().join(&path));
        let (_, place) = path.split_once("/src/").unwrap();
        let is_pure = place.starts_with("model") || place.starts_with("events");
        for word in ["sqlx", "tokio", "axum"] {
            if is_pure && text.contains(&format!("{word}::")) {
                complaints.push(format!("{path} is pure, and knows {word}"));
            }
        }
        let has_statements = place.starts_with("store") || place.starts_with("projections");
        if !has_statements && text.contains("sqlx::query") {
            complaints.push(format!(
                "{path} has a statement, which belongs to the store or the projections"
            ));
        }
    }
    report("rules and statements of services", &complaints);
}

#[test]
fn operations_of_services_are_thin() {
    let mut complaints = Vec::new();
    let mut count = 0;
    for path in service_sources() {
        let text = read(&root().join(&path));
        for operation in text.split("#[utoipa::path(").skip(1) {
            let body = operation.split_once("async fn ").unwrap().1;
            let name = body.split('(').next().unwrap();
            let lines = body.split("\n}\n").next().unwrap().lines().count() + 1;
            count += 1;
            if lines > HANDLER_LINES_MAX {
                complaints.push(format!("{path}: {name} has {lines} lines"));
            }
        }
    }
    assert!(count > 30, "{count} operations were found");
    report("operations with more than 25 lines", &complaints);
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<String> = files(&["rs"])
        .into_iter()
        .filter(|path| !read(&root().join(path)).starts_with("//! "))
        .collect();
    report("files that do not begin with //!", &silent);
}

#[test]
fn no_banned_words() {
    let mut complaints = Vec::new();
    for path in files(&["rs"]) {
        if path == "tests/tidy.rs" {
            continue;
        }
        for (number, line) in read(&root().join(&path)).lines().enumerate() {
            for (word, advice) in BANNED_IN_CODE {
                if line.contains(word) {
                    complaints.push(format!("{path}:{}: {word} {advice}", number + 1));
                }
            }
        }
    }
    report("banned words", &complaints);
}

#[test]
fn no_unsafe() {
    let mut complaints = Vec::new();
    for path in files(&["rs"]) {
        for (number, line) in read(&root().join(&path)).lines().enumerate() {
            let code = line.split("//").next().unwrap_or(line);
            let mut words = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            if path != "tests/tidy.rs" && words.any(|word| word == "unsafe") {
                complaints.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    report("unsafe code", &complaints);
}

#[test]
fn no_paths_of_one_machine() {
    let mut complaints = Vec::new();
    for path in files(&[
        "rs", "md", "toml", "py", "yml", "yaml", "json", "html", "sh", "txt",
    ]) {
        if path == "tests/tidy.rs" {
            continue;
        }
        for (number, line) in read(&root().join(&path)).lines().enumerate() {
            // The same letters in the middle of a path or an address are something else.
            let stands_alone = |found: usize| {
                let before = line[..found].chars().next_back();
                before.is_none_or(|letter| !letter.is_alphanumeric() && !"./}-_~".contains(letter))
            };
            for folder in MACHINE_PATHS {
                if line
                    .match_indices(folder)
                    .any(|(found, _)| stands_alone(found))
                {
                    complaints.push(format!("{path}:{}: {folder}", number + 1));
                }
            }
        }
    }
    report("paths of one machine", &complaints);
}

/// Targets of `[text](target)` outside code blocks.
fn links(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for part in line.split("](").skip(1) {
            if let Some((target, _)) = part.split_once(')') {
                targets.push(target.to_owned());
            }
        }
    }
    targets
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut complaints = Vec::new();
    for path in files(&["md"]) {
        let file = root().join(&path);
        let folder = file.parent().expect("a file is in a folder");
        for target in links(&read(&file)) {
            let elsewhere = ["http://", "https://", "mailto:", "#"];
            if elsewhere.iter().any(|start| target.starts_with(start)) {
                continue;
            }
            let wanted = target.split('#').next().unwrap_or(&target);
            if !folder.join(wanted).exists() {
                complaints.push(format!("{path}: {target}"));
            }
        }
    }
    report("links that lead nowhere", &complaints);
}

#[test]
fn the_table_of_asvs_names_tests_that_are_there() {
    let sources: Vec<String> = files(&["rs"])
        .iter()
        .filter(|path| path.starts_with("sidecars/"))
        .map(|path| read(&root().join(path)))
        .collect();
    let mut complaints = Vec::new();
    let page = read(&root().join("docs/asvs.md"));
    let mut count = 0;
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let test = row.rsplit(" | ").next().unwrap_or_default();
        let Some(test) = test.trim_end_matches(" |").strip_prefix('`') else {
            continue;
        };
        count += 1;
        let test = format!("fn {}(", test.trim_end_matches('`'));
        if !sources.iter().any(|source| source.contains(&test)) {
            complaints.push(format!("docs/asvs.md: {test}: {row}"));
        }
    }
    assert!(count > 50, "{count} lines have a test");
    report("lines of ASVS with tests that are not there", &complaints);
}

/// The files that may name the module in `path`, which is a file below a crate's source folder.
fn parents_of(path: &str) -> Vec<String> {
    let (folder, _) = path.rsplit_once('/').expect("it is in a folder");
    vec![
        format!("{folder}.rs"),
        format!("{folder}/lib.rs"),
        format!("{folder}/main.rs"),
    ]
}

#[test]
fn no_dead_files() {
    let mut complaints = Vec::new();
    for path in files(&["rs"]) {
        let file = path.rsplit('/').next().unwrap_or(&path);
        let is_source = path.contains("src/") || path.starts_with("cli/");
        if !is_source || ["lib.rs", "main.rs", "build.rs"].contains(&file) {
            continue;
        }
        if file == "mod.rs" {
            complaints.push(format!("{path}: name it after its folder, beside it"));
            continue;
        }
        let module = format!("mod {};", file.trim_end_matches(".rs"));
        let is_named = parents_of(&path).iter().any(|parent| {
            let parent = root().join(parent);
            parent.is_file() && read(&parent).contains(&module)
        });
        if !is_named {
            complaints.push(format!("{path}: no file above it says `{module}`"));
        }
    }
    report("files that belong to no crate", &complaints);
}

#[test]
fn fuzz_targets_are_all_in_their_manifest() {
    let manifest = read_toml(&root().join("tests/fuzz/Cargo.toml"));
    let listed: BTreeSet<String> = manifest["bin"]
        .as_array()
        .expect("bin is a list")
        .iter()
        .filter_map(|bin| bin["path"].as_str())
        .map(|path| format!("tests/fuzz/{path}"))
        .collect();
    let present: BTreeSet<String> = files(&["rs"])
        .into_iter()
        .filter(|path| path.starts_with("tests/fuzz/fuzz_targets/"))
        .collect();
    assert_eq!(listed, present);
}

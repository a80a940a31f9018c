//! A new service, from the one that is there to be copied: its files under another name, and a line of it wherever services are listed.
//!
//! What is copied is `sidecars/template`, which compiles and is tested as any other service; so there is nothing to fill in.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

use crate::process::{cargo, root, run as run_program, say};

/// What is copied, and what it is called in its files.
const TEMPLATE: &str = "template";
const TEMPLATE_TYPE: &str = "Template";
/// Longest name, in letters.
const NAME_MAX: usize = 30;
/// Paths at the root of the address, parts of paths of files, and schemas that are in every database of PostgreSQL.
const TAKEN: [&str; 12] = [
    "chassis",
    "console",
    "docs",
    "errors",
    "health",
    "live",
    "metrics",
    "ready",
    "template",
    "tickloom",
    "public",
    "information_schema",
];
/// Words of Rust, of which a field or a crate cannot be called (The Rust Reference, Keywords). One is in two parts, as no file has it.
const KEYWORDS: [&str; 52] = [
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "struct",
    "super",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    concat!("un", "safe"),
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "union",
];

/// A text that is put behind a line that is there once.
struct Line {
    file: &'static str,
    anchor: &'static str,
    /// With `template` and `Template` for the names.
    text: &'static str,
}

/// Where services are listed.
const LINES: [Line; 14] = [
    Line {
        file: "Cargo.toml",
        anchor: "    \"sidecars/template\",\n",
        text: "    \"sidecars/NAME\",\n",
    },
    Line {
        file: "Cargo.toml",
        anchor: "tickloom-auth = { path = \"sidecars/auth\" }\n",
        text: "tickloom-NAME = { path = \"sidecars/NAME\" }\n",
    },
    Line {
        file: "Cargo.toml",
        anchor: "services = [",
        text: "\"dep:tickloom-NAME\", ",
    },
    Line {
        file: "Cargo.toml",
        anchor: "tickloom-auth = { workspace = true, optional = true }\n",
        text: "tickloom-NAME = { workspace = true, optional = true }\n",
    },
    Line {
        file: "tests/tidy.rs",
        anchor: "    (\"sidecars/template\", &[\"types\", \"chassis\"]),\n",
        text: "    (\"sidecars/NAME\", &[\"types\", \"chassis\"]),\n",
    },
    Line {
        file: "tests/tidy.rs",
        anchor: "\"activity\", \"auth\",",
        text: " \"NAME\",",
    },
    Line {
        file: "cli/commands/serve.rs",
        anchor: "    /// Who somebody is, and what they may do\n    Auth,\n",
        text: "    /// What NAME does\n    #[value(name = \"NAME\")]\n    TYPE,\n",
    },
    Line {
        file: "cli/commands/serve.rs",
        anchor: "    use tickloom_auth::Auth;\n",
        text: "    use tickloom_NAME::TYPE;\n",
    },
    Line {
        file: "cli/commands/serve.rs",
        anchor: "        let mut admitted = Vec::new();\n",
        text: "        if settings.names.contains(&Name::TYPE) {\n            let config = settings.NAME.clone();\n            admitted.push(admit::<TYPE>(&settings.place, config).await?);\n        }\n",
    },
    Line {
        file: "cli/commands/serve/settings.rs",
        anchor: "    /// Who somebody is.\n    auth: AuthFile,\n",
        text: "    /// What NAME does.\n    NAME: TYPEConfig,\n",
    },
    Line {
        file: "cli/commands/serve/settings.rs",
        anchor: "    pub(super) auth: Option<AuthConfig>,\n",
        text: "    pub(super) NAME: TYPEConfig,\n",
    },
    Line {
        file: "cli/commands/serve/settings.rs",
        anchor: "    Ok(Settings {\n",
        text: "        NAME: file.NAME,\n",
    },
    Line {
        file: "cli/commands/serve/settings.rs",
        anchor: "use tickloom_auth::AuthConfig;\n",
        text: "use tickloom_NAME::TYPEConfig;\n",
    },
    Line {
        file: "cli/services.rs",
        anchor: "            ServiceParts::of::<Activity>(),\n",
        text: "            ServiceParts::of::<tickloom_NAME::TYPE>(),\n",
    },
];

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [name] = arguments else {
        bail!("expected one name: cargo xtask new-service NAME");
    };
    let root = root();
    let folder = root.join("sidecars").join(name);
    check(name)?;
    if folder.exists() {
        bail!("{} is there already", folder.display());
    }
    // All of it is known to be possible before anything is written.
    let listed = listed(&root, name)?;
    copy(&root.join("sidecars").join(TEMPLATE), &folder, name)?;
    for (file, text) in listed {
        write(&root.join(file), text.as_bytes())?;
    }
    run_program(cargo().args(["fmt", "--all"]))?;
    let package = name.replace('_', "-");
    say(&format!(
        "sidecars/{name} is there; cargo test -p tickloom-{package} runs it, and docs/adding-a-service.md says what comes next"
    ));
    Ok(())
}

/// Whether a service can be called so: it is part of paths, files, schemas, names of types and of crates.
fn check(name: &str) -> Result<()> {
    let is_word = name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name.len() <= NAME_MAX
        && !name.ends_with('_')
        && !name.contains("__")
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_word || TAKEN.contains(&name) || name.starts_with("pg_") {
        bail!(
            "`{name}` cannot be a service: expected a name of at most {NAME_MAX} lower-case letters, digits and single _, \
             which does not begin with pg_ and is not one of {}",
            TAKEN.join(", ")
        );
    }
    if KEYWORDS.contains(&name) {
        bail!("`{name}` cannot be a service: it is a word of Rust");
    }
    Ok(())
}

/// Whether a name is free in a file in which services are listed: no package, setting or type is called so.
fn check_free(file: &str, text: &str, name: &str) -> Result<()> {
    let package = format!("tickloom-{} =", name.replace('_', "-"));
    let is_setting = |line: &str| {
        let field = line.trim().trim_start_matches("pub(super) ");
        field
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(": "))
    };
    let words = |line: &str, word: &str| {
        line.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .any(|found| found == word)
    };
    let kind = type_name(name);
    let config = format!("{kind}Config");
    // Words of comments are no names.
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    for line in lines {
        let what = if file == "Cargo.toml" && line.starts_with(&package) {
            "a package is called so"
        } else if file.ends_with("settings.rs") && is_setting(line) {
            "a setting is called so"
        } else if file.starts_with("cli/") && (words(line, &kind) || words(line, &config)) {
            "a type is called so"
        } else {
            continue;
        };
        bail!(
            "`{name}` cannot be a service: {what}, in {file}: {}",
            line.trim()
        );
    }
    Ok(())
}

/// The name of its type: `market_data` is `MarketData`.
fn type_name(name: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('_').map(capital).collect()
}

/// A text of the template under the name of a service. Crates are called with hyphens.
fn renamed(text: &str, name: &str) -> String {
    let package = name.replace('_', "-");
    text.replace("cargo xtask new-service", "\0")
        .replace("tickloom-template", &format!("tickloom-{package}"))
        .replace(TEMPLATE_TYPE, &type_name(name))
        .replace(TEMPLATE, name)
        .replace('\0', "cargo xtask new-service")
}

/// The files in which services are listed, with this one.
fn listed(root: &Path, name: &str) -> Result<Vec<(&'static str, String)>> {
    let mut files: Vec<(&str, String)> = Vec::new();
    for Line { file, anchor, text } in &LINES {
        if files.iter().all(|(known, _)| known != file) {
            let path = root.join(file);
            let read = fs::read_to_string(&path);
            let read = read.with_context(|| path.display().to_string())?;
            check_free(file, &read, name)?;
            files.push((file, read));
        }
        let (_, whole) = files.last_mut().context("it was just put there")?;
        if whole.matches(anchor).count() != 1 {
            bail!(
                "{file}: the line {anchor:?}, behind which a service is listed, is not there once"
            );
        }
        let package = format!("tickloom-{}", name.replace('_', "-"));
        let text = text
            .replace("tickloom-NAME", &package)
            .replace("NAME", name)
            .replace("TYPE", &type_name(name));
        *whole = whole.replace(anchor, &format!("{anchor}{text}"));
    }
    Ok(files)
}

fn copy(from: &Path, to: &Path, name: &str) -> Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    let entries = fs::read_dir(from).with_context(|| from.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let target = to.join(file.replace(TEMPLATE, name));
        if path.is_dir() {
            copy(&path, &target, name)?;
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        write(&target, renamed(&text, name).as_bytes())?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_called_by_a_word() {
        for name in ["billing", "market_data", "a1"] {
            check(name).unwrap();
        }
        for name in [
            "",
            "Billing",
            "1a",
            "a-b",
            "a__b",
            "a_",
            "_a",
            "chassis",
            "console",
            "template",
            "public",
            "pg_x",
            "match",
            "type",
            "ü",
            &"x".repeat(31),
        ] {
            assert!(check(name).is_err(), "{name}");
        }
        assert_eq!(type_name("market_data"), "MarketData");
    }

    #[test]
    fn what_is_called_so_already_is_refused_where_it_is() {
        let listed = |name| {
            listed(&root(), name)
                .map(drop)
                .map_err(|error| error.to_string())
        };
        listed("billing").unwrap();
        let (package, setting, of_type) = ("a package", "a setting", "a type");
        let [serve, settings] =
            ["serve.rs", "serve/settings.rs"].map(|file| format!("cli/commands/{file}"));
        for (name, what, file, said) in [
            ("core", package, "Cargo.toml", "tickloom-core = {"),
            ("activity", package, "Cargo.toml", "tickloom-activity = {"),
            (
                "http",
                setting,
                settings.as_str(),
                "http: Option<SocketAddr>,",
            ),
            ("names", setting, settings.as_str(), "names: Vec<Name>,"),
            ("outgoing", of_type, serve.as_str(), "Outgoing,"),
            ("settings", of_type, serve.as_str(), "Settings,"),
        ] {
            let refused = listed(name).unwrap_err();
            let where_it_is =
                format!("`{name}` cannot be a service: {what} is called so, in {file}: ");
            let line = refused
                .strip_prefix(&where_it_is)
                .unwrap_or_else(|| panic!("{refused}"));
            assert!(line.contains(said), "{refused}");
            let text = fs::read_to_string(root().join(file)).unwrap();
            assert!(text.lines().any(|one| one.trim() == line), "{refused}");
        }
    }

    #[test]
    fn its_files_are_under_its_name() {
        let text = "tickloom-template tickloom_template::Template in sidecars/template: cargo xtask new-service NAME";
        let expected = "tickloom-market-data tickloom_market_data::MarketData in sidecars/market_data: cargo xtask new-service NAME";
        assert_eq!(renamed(text, "market_data"), expected);
    }
}

//! The files of an authority: who may read them, what a killed process leaves, what others make of them.

use super::{CERTIFICATE_LIFE, DAY, Harness, START, at, meet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::time::Duration;
use tickloom_chassis::Clock;
use tickloom_chassis::identity::{Authority, Identity, Peers, TrustDomain};

fn open(folder: &Path) -> Result<Authority, String> {
    let clock = Clock::standing(at(START));
    Authority::open(folder, &TrustDomain::default(), clock).map_err(|error| error.to_string())
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_authority_is_made_once_whoever_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("ca");
    let begin = Barrier::new(8);
    let roots: Vec<_> = std::thread::scope(|scope| {
        let opened = (0..8).map(|_| {
            scope.spawn(|| {
                begin.wait();
                open(&at).unwrap().roots()
            })
        });
        let opened: Vec<_> = opened.collect();
        opened.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(roots[0].len(), 1);
    assert!(roots.iter().all(|one| *one == roots[0]));
    assert_eq!(mode(&at), 0o700);
    assert_eq!(mode(&at.join("authority.pem")), 0o600);
    assert_eq!(mode(&at.join("roots.pem")) & 0o022, 0);
    let public = std::fs::read_to_string(at.join("roots.pem")).unwrap();
    assert!(!public.contains("PRIVATE"), "{public}");
}

#[test]
fn what_a_killed_process_leaves_is_nothing_or_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority.pem");
    let beside = folder.path().join("authority.pem.new");
    // Killed while it wrote: what it wrote is no authority, and whoever comes next makes one.
    std::fs::write(&beside, "-----BEGIN PRIVATE KEY-----\nMIGH").unwrap();
    let roots = open(folder.path()).unwrap().roots();
    assert!(!beside.exists());
    // Killed while it rotated: the old one is whole.
    std::fs::write(&beside, "-----BEGIN").unwrap();
    assert_eq!(open(folder.path()).unwrap().roots(), roots);
    // Killed before the certificates for others were written.
    std::fs::remove_file(folder.path().join("roots.pem")).unwrap();
    assert_eq!(open(folder.path()).unwrap().roots(), roots);
    assert!(folder.path().join("roots.pem").exists());
    // Somebody cut it: it is not replaced, because what it signed would be lost.
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(
        error.ends_with("authority.pem: root 1: its certificate cannot be read"),
        "{error}"
    );
    let key = text.lines().nth(1).unwrap();
    assert!(!error.contains(key), "{error}");
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let path = folder.path().join("authority.pem");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(
        error.ends_with("has mode 640, so others can open it: chmod 600 it"),
        "{error}"
    );
}

#[test]
fn an_authority_of_another_domain_and_words_that_are_no_names_are_refused() {
    let harness = Harness::new();
    let other = "other".parse().unwrap();
    let error = Authority::open(harness.folder.path(), &other, harness.clock.clone()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("is of trust domain `tickloom`, expected `other`"),
        "{error}"
    );
    let issue = |name, seconds| {
        let issued = harness.authority.issue(name, Duration::from_secs(seconds));
        issued.map(|_| ()).map_err(|error| error.to_string())
    };
    assert!(issue("../billing", 60).unwrap_err().contains("no name"));
    assert_eq!(
        issue("billing", 59).unwrap_err(),
        "a certificate cannot live for 59 s, expected 60 to 604800"
    );
    assert!(issue("billing", 604_801).is_err());
    assert!(issue("billing", 604_800).is_ok());
    // Ten years on nothing is signed; shortly before, nothing outlives the root.
    let end = START + 315_576_000;
    assert!(harness.clock.advance_to(at(end - 3_600)));
    let issued = harness
        .authority
        .issue("billing", CERTIFICATE_LIFE)
        .unwrap();
    assert_eq!(issued.until, at(end));
    assert!(harness.clock.advance_to(at(end)));
    assert_eq!(
        issue("billing", 60).unwrap_err(),
        "the newest root certificate is valid from 1799999700 to 2115576000 (seconds since 1970), and now it is 2115576000"
    );
}

#[tokio::test]
async fn a_service_without_the_authority_has_its_files_from_it() {
    let harness = Harness::new();
    let away = tempfile::tempdir().unwrap();
    let export = || {
        let issued = harness
            .authority
            .issue("billing", CERTIFICATE_LIFE)
            .unwrap();
        harness.authority.export(&issued, away.path()).unwrap()
    };
    let path = export();
    assert_eq!(path, away.path().join("billing.pem"));
    assert_eq!(mode(&path), 0o600);
    let missing = Identity::of_folder(away.path(), "auth", harness.clock.clone()).unwrap_err();
    assert!(
        missing.to_string().ends_with("auth.pem: it is not there"),
        "{missing}"
    );
    let billing = Identity::of_folder(away.path(), "billing", harness.clock.clone()).unwrap();
    let auth = harness.identity("auth");
    let server = billing.server_config(Peers::named(["auth"])).unwrap();
    let client = auth.client_config(Peers::named(["billing"])).unwrap();
    assert!(meet(Arc::clone(&server), Arc::clone(&client)).await.echoed);
    billing.look();
    assert_eq!(billing.state().renewals, 0);
    assert!(harness.clock.advance_to(at(START + DAY)));
    billing.look();
    assert!(billing.state().trouble.unwrap().contains("was valid until"));
    // Its file is replaced, and it goes on without a restart.
    export();
    billing.look();
    assert_eq!(
        (billing.state().renewals, billing.state().trouble),
        (1, None)
    );
    assert_eq!(billing.state().until, at(START + 2 * DAY));
    auth.look();
    assert!(meet(server, client).await.echoed);
    // Somebody else's file under its name is not taken.
    std::fs::copy(&path, away.path().join("portfolio.pem")).unwrap();
    let error = Identity::of_folder(away.path(), "portfolio", harness.clock.clone()).unwrap_err();
    assert!(
        error.to_string().ends_with(
            "its certificate is of spiffe://tickloom/billing, expected spiffe://tickloom/portfolio"
        ),
        "{error}"
    );
}

/// OpenSSL, which has nothing in common with what made the certificates.
fn openssl(words: &[&str]) -> Option<(bool, String)> {
    let ran = Command::new("openssl").args(words).output().ok()?;
    let said = [ran.stdout, ran.stderr].concat();
    Some((ran.status.success(), String::from_utf8(said).unwrap()))
}

#[test]
fn openssl_agrees_on_chain_names_times_and_uses() {
    let harness = Harness::new();
    let path = |name: &str| harness.folder.path().join(name).display().to_string();
    harness.authority.rotate().unwrap();
    let issued = harness
        .authority
        .issue("billing", CERTIFICATE_LIFE)
        .unwrap();
    let out = tempfile::tempdir().unwrap();
    let file = harness.authority.export(&issued, out.path()).unwrap();
    let file = file.display().to_string();
    let verify = |at: i64, purpose: &str, roots: &str| {
        let at = at.to_string();
        let words = [
            "verify",
            "-x509_strict",
            "-attime",
            &at,
            "-purpose",
            purpose,
        ];
        openssl(&[&words[..], &["-CAfile", roots, &file]].concat())
    };
    let roots = path("roots.pem");
    let Some((_, version)) = openssl(&["version"]) else {
        return;
    };
    println!("{version}");
    for purpose in ["sslserver", "sslclient"] {
        let (is_good, said) = verify(START, purpose, &roots).unwrap();
        assert!(is_good, "{said}");
    }
    assert!(verify(START + DAY - 1, "sslserver", &roots).unwrap().0);
    let (is_good, said) = verify(START + DAY + 1, "sslserver", &roots).unwrap();
    assert!(!is_good && said.contains("expired"), "{said}");
    let (is_good, said) = verify(START - 301, "sslserver", &roots).unwrap();
    assert!(!is_good && said.contains("not yet valid"), "{said}");
    let other = Harness::new();
    let others = other.folder.path().join("roots.pem").display().to_string();
    assert!(!verify(START, "sslserver", &others).unwrap().0);
    let (_, text) = openssl(&["x509", "-in", &file, "-noout", "-text"]).unwrap();
    for expected in [
        "URI:spiffe://tickloom/billing, DNS:billing",
        "Subject: CN = billing",
        "TLS Web Server Authentication, TLS Web Client Authentication",
        "CA:FALSE",
        "Not Before: Jan 15 07:55:00 2027 GMT",
        "Not After : Jan 16 08:00:00 2027 GMT",
        "ecdsa-with-SHA256",
        "NIST CURVE: P-256",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let (_, text) = openssl(&["x509", "-in", &roots, "-noout", "-text"]).unwrap();
    for expected in [
        "CA:TRUE, pathlen:0",
        "Certificate Sign, CRL Sign",
        "URI:spiffe://tickloom",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

//! What services stand on: the disk, files with secrets, certificates, the mail server, addresses.

use super::{Finding, FindingState};
use crate::clock::Clock;
use crate::http::Certificate;
use crate::identity::Authority;
use crate::mail::{MailConfig, Mailer};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Room on the disk below which there is a warning, and below which it is bad, in bytes.
const ROOM_LOW: u64 = 1 << 30;
const ROOM_MIN: u64 = 100 << 20;
/// A root that ends so soon should be followed by another: 30 days, in nanoseconds.
const ROOT_ENDS_SOON_NS: i64 = 30 * 86_400_000_000_000;
/// A certificate of HTTP that ends so soon should have been renewed: 7 days, in nanoseconds.
const CERTIFICATE_ENDS_SOON_NS: i64 = 7 * 86_400_000_000_000;

/// Room on the disk of a folder, or of the nearest folder above that is there.
#[must_use]
pub fn examine_disk(folder: &Path) -> Finding {
    const ABOUT: &str = "disk";
    const CHECK: &str = "room";
    let there = folder.ancestors().find(|folder| folder.is_dir());
    let there = there.unwrap_or(Path::new("."));
    let shown = there.display();
    let room = match rustix::fs::statvfs(there) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => {
            let says = format!("{shown} cannot be asked: {error}");
            return Finding::new(ABOUT, CHECK, FindingState::Unknown, says, "");
        }
    };
    let says = format!("{} MiB are free at {shown}", room >> 20);
    let state = match room {
        0..ROOM_MIN => FindingState::Bad,
        ROOM_MIN..ROOM_LOW => FindingState::Warning,
        _ => return Finding::good(ABOUT, CHECK, says),
    };
    let advice = "make room: a full disk stops every change";
    Finding::new(ABOUT, CHECK, state, says, advice)
}

/// Whether only its owner can read a file that has secrets. `None` if it is not there.
#[must_use]
pub fn examine_secret_file(path: &Path) -> Option<Finding> {
    const CHECK: &str = "permissions";
    let about = path.display().to_string();
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    // Whoever cannot enter the folder cannot open the file.
    let parent = path
        .parent()
        .and_then(|parent| std::fs::metadata(parent).ok());
    let entered = parent.map_or(0o777, |parent| parent.permissions().mode() & 0o077);
    if mode & 0o077 == 0 || entered & 0o011 == 0 {
        return Some(Finding::good(&about, CHECK, "its owner alone can read it"));
    }
    let says = format!("others can open it: its mode is {mode:o}");
    let advice = format!("chmod 600 {about}");
    Some(Finding::new(
        &about,
        CHECK,
        FindingState::Warning,
        says,
        &advice,
    ))
}

/// Whether the authority of a folder signs, and goes on doing so.
#[must_use]
pub fn examine_authority(folder: &Path, clock: &Clock) -> Finding {
    const ABOUT: &str = "certificates";
    const CHECK: &str = "authority";
    let bad =
        |says: String, advice: &str| Finding::new(ABOUT, CHECK, FindingState::Bad, says, advice);
    let authority = match Authority::existing(folder, clock.clone()) {
        Ok(authority) => authority,
        Err(error) => {
            let advice = "`tickloom admin ca init` makes one; a host without the keys has NAME.pem and roots.pem, which are not looked at here";
            return bad(error.to_string(), advice);
        }
    };
    let roots = authority.show();
    let Some(signer) = roots.iter().find(|root| root.signs) else {
        return bad("no root signs".to_owned(), "`tickloom admin ca rotate`");
    };
    let says = format!("{} signs until {}", signer.name, signer.until);
    let left = signer.until.0.saturating_sub(clock.now().0);
    if left <= 0 {
        return bad(says, "`tickloom admin ca rotate`, now");
    }
    if left <= ROOT_ENDS_SOON_NS {
        let advice = "`tickloom admin ca rotate` makes the next one";
        return Finding::new(ABOUT, CHECK, FindingState::Warning, says, advice);
    }
    Finding::good(ABOUT, CHECK, says)
}

/// Whether a certificate of HTTP and its key can be used, and for how long.
#[must_use]
pub fn examine_certificate(certificate: &Path, key: &Path, clock: &Clock) -> Finding {
    const ABOUT: &str = "https";
    const CHECK: &str = "certificate";
    let advice =
        "renew it, and put the new files in the place of the old ones: they are read again";
    let found = |state, says| Finding::new(ABOUT, CHECK, state, says, advice);
    let shown = match Certificate::of_files(certificate, key, clock.clone()) {
        Ok(shown) => shown,
        Err(error) => return found(FindingState::Bad, error.to_string()),
    };
    if let Some(expired) = shown.expired() {
        return found(FindingState::Bad, expired);
    }
    let until = shown.state().until;
    let says = format!("it is valid until {until}");
    if until.0.saturating_sub(clock.now().0) <= CERTIFICATE_ENDS_SOON_NS {
        return found(FindingState::Warning, says);
    }
    Finding::good(ABOUT, CHECK, says)
}

/// Whether the mail server is reached, speaks TLS as it is asked to, and lets us in. Nothing is sent.
pub async fn examine_mail(config: &MailConfig) -> Finding {
    const ABOUT: &str = "mail";
    const CHECK: &str = "server";
    let reached = match Mailer::new(config) {
        Ok(mailer) => mailer.reach().await,
        Err(error) => Err(error.to_string()),
    };
    match reached {
        Ok(()) => Finding::good(ABOUT, CHECK, "it lets us in"),
        Err(says) => {
            let advice = "see the settings `server` and `from`, the server's certificate, and the network to it";
            Finding::new(ABOUT, CHECK, FindingState::Bad, says, advice)
        }
    }
}

/// Whether an address can be listened on.
#[must_use]
pub fn examine_address(about: &str, address: SocketAddr) -> Finding {
    const CHECK: &str = "address";
    match TcpListener::bind(address) {
        Ok(_) => Finding::good(about, CHECK, format!("{address} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let says = format!("somebody listens on {address}");
            let advice = "nothing, if it is `tickloom serve`; otherwise choose another port";
            Finding::new(about, CHECK, FindingState::Warning, says, advice)
        }
        Err(error) => {
            let says = format!("{address}: {error}");
            let advice = "choose an address of this machine, and a port that this user may have";
            Finding::new(about, CHECK, FindingState::Bad, says, advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::TrustDomain;
    use std::fs::{self, Permissions};
    use tickloom_types::Ts;

    #[test]
    fn a_file_is_secret_if_others_cannot_come_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        assert_eq!(examine_secret_file(&file), None);
        fs::write(&file, "").unwrap();
        let state = |folder_mode, mode| {
            fs::set_permissions(folder.path(), Permissions::from_mode(folder_mode)).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            examine_secret_file(&file).unwrap().state
        };
        assert_eq!(state(0o755, 0o600), FindingState::Good);
        assert_eq!(state(0o755, 0o640), FindingState::Warning);
        assert_eq!(state(0o755, 0o604), FindingState::Warning);
        assert_eq!(state(0o700, 0o644), FindingState::Good);
    }

    #[test]
    fn an_authority_is_told_of_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::standing(Ts(1_800_000_000_000_000_000));
        let state = || examine_authority(folder.path(), &clock).state;
        assert_eq!(state(), FindingState::Bad);
        let made = Authority::open(folder.path(), &TrustDomain::default(), clock.clone());
        let until = made.unwrap().show()[0].until;
        assert_eq!(state(), FindingState::Good);
        assert!(clock.advance_to(Ts(until.0 - ROOT_ENDS_SOON_NS)));
        assert_eq!(state(), FindingState::Warning);
        assert!(clock.advance_to(until));
        assert_eq!(state(), FindingState::Bad);
    }

    #[test]
    fn an_address_is_free_or_taken_or_not_ours() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        assert_eq!(
            examine_address("http", address).state,
            FindingState::Warning
        );
        let any = "127.0.0.1:0".parse().unwrap();
        assert_eq!(examine_address("http", any).state, FindingState::Good);
        // TEST-NET-1 (RFC 5737): no machine has it.
        let other = "192.0.2.1:80".parse().unwrap();
        assert_eq!(examine_address("http", other).state, FindingState::Bad);
    }

    #[test]
    fn room_is_that_of_the_nearest_folder() {
        let folder = tempfile::tempdir().unwrap();
        let finding = examine_disk(&folder.path().join("not/there"));
        let end = format!("MiB are free at {}", folder.path().display());
        assert!(finding.says.ends_with(&end), "{finding:?}");
    }

    #[test]
    fn a_certificate_is_told_of_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name| folder.path().join(name);
        let clock = Clock::standing(Ts(0));
        let state = || examine_certificate(&at("chain.pem"), &at("key.pem"), &clock).state;
        assert_eq!(state(), FindingState::Bad);
        let mut params = rcgen::CertificateParams::new(vec!["id.example.com".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2100, 1, 1);
        let made = rcgen::KeyPair::generate().unwrap();
        fs::write(at("chain.pem"), params.self_signed(&made).unwrap().pem()).unwrap();
        fs::write(at("key.pem"), made.serialize_pem()).unwrap();
        fs::set_permissions(at("key.pem"), Permissions::from_mode(0o600)).unwrap();
        assert_eq!(state(), FindingState::Good);
        let until = 4_102_444_800_000_000_000;
        assert!(clock.advance_to(Ts(until - CERTIFICATE_ENDS_SOON_NS)));
        assert_eq!(state(), FindingState::Warning);
        assert!(clock.advance_to(Ts(until)));
        assert_eq!(state(), FindingState::Bad);
    }
}

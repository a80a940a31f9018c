//! Passwords that are common (OWASP ASVS 5.0, line 6.2.4): those of 12 characters and more that were found most often elsewhere. Where they
//! are from is in `assets/common-passwords.md`.

use flate2::read::GzDecoder;
use std::io::Read;
use std::sync::LazyLock;

/// In NFKC and in small letters, a line each, in the order of their bytes.
const COMPRESSED: &[u8] = include_bytes!("../../../assets/common-passwords.txt.gz");

/// The list, opened when the first password is looked for.
static LIST: LazyLock<Vec<Box<str>>> = LazyLock::new(|| {
    let mut text = String::new();
    let read = GzDecoder::new(COMPRESSED).read_to_string(&mut text);
    read.expect("the list is part of the program, and a test reads it");
    text.lines().map(Box::from).collect()
});

/// Whether a password in NFKC is a common one, whatever the case of its letters.
pub(super) fn is_common(password: &str) -> bool {
    let folded = password.to_lowercase();
    LIST.binary_search_by(|known| (**known).cmp(folded.as_str()))
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::password::{PASSWORD_BYTES_MAX, PasswordError};
    use crate::credential::password::{PASSWORD_CHARACTERS_MIN, Password, PasswordRefused, Rules};

    /// Top passwords that ASVS asks for at least.
    const ASKED: usize = 3000;

    #[test]
    fn the_list_has_more_than_is_asked_for_and_all_of_it_is_refused() {
        assert_eq!(LIST.len(), 5652);
        assert!(LIST.len() >= ASKED);
        assert!(LIST.windows(2).all(|pair| pair[0] < pair[1]));
        for known in LIST.iter() {
            let characters = known.chars().count();
            assert!(characters >= PASSWORD_CHARACTERS_MIN, "{known}");
            assert!(known.len() <= PASSWORD_BYTES_MAX, "{known}");
            // It is found as it is kept: normalising changes nothing of it.
            let password = Password::new(known.to_string()).unwrap();
            assert_eq!(password.as_str(), &**known);
            let refused = Rules::default().check(&password, &[]);
            let Err(PasswordError::Refused(PasswordRefused::Common)) = refused else {
                panic!("{known}: {refused:?}");
            };
        }
    }

    #[test]
    fn case_does_not_make_a_common_password_another() {
        for (text, expected) in [
            ("manchesterunited", true),
            ("ManchesterUnited", true),
            ("MANCHESTERUNITED", true),
            ("manchesterunited7", false),
            ("manchesterunite", false),
            ("", false),
        ] {
            assert_eq!(is_common(text), expected, "{text}");
        }
    }
}

//! What a new password has to be (NIST SP 800-63B, section 3.1.1; OWASP ASVS 5.0, section 6.2): long, not common, not easy to guess,
//! not known from a breach. Which kinds of characters it has does not matter.

use super::breached::BreachedList;
use super::common::is_common;
use super::{PASSWORD_CHARACTERS_MIN, Password, PasswordError, PasswordRefused};
use unicode_normalization::char::is_public_assigned;
use zxcvbn::feedback::Feedback;
use zxcvbn::{Score, zxcvbn};

/// A word that everybody here would try first.
const OWN_WORD: &str = "tickloom";
/// Passwords that can be guessed with fewer than 10^8 tries are below this.
const SCORE_MIN: Score = Score::Three;
/// Said when the estimate has nothing better to say.
const ADVICE: &str = "Use a few words that have nothing to do with each other.";
/// Characters that the estimate is given at a time: with more, it takes seconds, and its numbers grow out of 64 bits.
const ESTIMATED_CHARACTERS: usize = 20;
/// Said of a password that is little else than words that are known of its owner.
const KNOWN_WORDS_ADVICE: &str = "It has little beside names and addresses that others know.";
/// So many characters a password needs beside such words.
const LEFT_OVER_MIN: usize = 8;
/// Shorter pieces of a name or an address say nothing.
const WORD_CHARACTERS_MIN: usize = 3;

/// What new passwords are held against.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    breached: Option<BreachedList>,
}

impl Rules {
    /// Rules, with a list of breached passwords if there is one.
    #[must_use]
    pub fn new(breached: Option<BreachedList>) -> Rules {
        Rules { breached }
    }

    /// Whether somebody may take this password. `words` are what is known of them and easy to try: e-mail address, names.
    /// It takes milliseconds, and reads a few blocks of the list.
    ///
    /// # Errors
    /// [`PasswordError::Refused`] with what is wrong with it; [`PasswordError::Breached`] if the list cannot be read.
    pub fn check(&self, password: &Password, words: &[String]) -> Result<(), PasswordError> {
        let text = password.as_str();
        let characters = text.chars().count();
        if characters < PASSWORD_CHARACTERS_MIN {
            return Err(PasswordRefused::TooShort { characters }.into());
        }
        // A later version of Unicode may see another character there: then normalising is not stable (UAX #15, section 12.1).
        if let Some(unknown) = text.chars().find(|letter| !is_public_assigned(*letter)) {
            let code = u32::from(unknown);
            return Err(PasswordRefused::Unassigned { code }.into());
        }
        if is_common(text) {
            return Err(PasswordRefused::Common.into());
        }
        let parts = parts(words);
        if left_over(text, &parts) < LEFT_OVER_MIN {
            let advice = KNOWN_WORDS_ADVICE.to_owned();
            return Err(PasswordRefused::Guessable { advice }.into());
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        if let Some(advice) = guessable(text, &parts) {
            return Err(PasswordRefused::Guessable { advice }.into());
        }
        let times = match &self.breached {
            Some(list) => list.times(text)?,
            None => 0,
        };
        if times > 0 {
            return Err(PasswordRefused::Breached { times }.into());
        }
        Ok(())
    }
}

/// What is wrong with a password that is easy to guess, and what to do. It is not if its beginning or its end is hard to guess; what is
/// said many times over counts once.
fn guessable(text: &str, parts: &[&str]) -> Option<String> {
    let characters: Vec<char> = text.chars().collect();
    let once = once(&characters);
    let begin = once.get(..ESTIMATED_CHARACTERS).unwrap_or(once);
    let end = once.len().saturating_sub(ESTIMATED_CHARACTERS);
    let end = once.get(end..).unwrap_or(once);
    let estimate = |part: &[char]| zxcvbn(&part.iter().collect::<String>(), parts);
    let first = estimate(begin);
    if first.score() >= SCORE_MIN {
        return None;
    }
    if begin.len() < once.len() && estimate(end).score() >= SCORE_MIN {
        return None;
    }
    Some(advice(first.feedback()))
}

/// What a text says at least twice over, with no end needed for the last time; the whole of any other text.
fn once(text: &[char]) -> &[char] {
    // The longest proper beginning of each part that is also its end (Knuth, Morris, Pratt).
    let mut borders = vec![0_usize];
    for at in 1..text.len() {
        let mut border = borders.last().copied().unwrap_or(0);
        while border > 0 && text.get(border) != text.get(at) {
            border = borders.get(border - 1).copied().unwrap_or(0);
        }
        borders.push(border + usize::from(text.get(border) == text.get(at)));
    }
    let period = text.len() - borders.last().copied().unwrap_or(0).min(text.len());
    if 2 * period <= text.len() {
        text.get(..period).unwrap_or(text)
    } else {
        text
    }
}

/// What is wrong with a password, and what to do, in whole sentences.
fn advice(feedback: Option<&Feedback>) -> String {
    let warning = feedback.and_then(Feedback::warning).map(|w| w.to_string());
    let suggestions = feedback.map_or(&[][..], Feedback::suggestions);
    let suggestions = suggestions.iter().map(ToString::to_string);
    let sentences: Vec<String> = warning.into_iter().chain(suggestions).collect();
    if sentences.is_empty() {
        return ADVICE.to_owned();
    }
    sentences.join(" ")
}

/// What somebody could try of these words, in lower case and the longest first: each whole, without the signs in it, and what stands
/// between them.
fn parts(words: &[String]) -> Vec<String> {
    let mut parts = vec![OWN_WORD.to_owned()];
    for word in words {
        let word = word.to_lowercase();
        parts.push(word.chars().filter(|c| c.is_alphanumeric()).collect());
        let pieces = word.split(|letter: char| !letter.is_alphanumeric());
        parts.extend(pieces.map(str::to_owned));
        parts.push(word);
    }
    parts.retain(|part| part.chars().count() >= WORD_CHARACTERS_MIN);
    parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.len()));
    parts
}

/// How many characters a password has beside these parts and spaces.
fn left_over(text: &str, parts: &[String]) -> usize {
    let mut rest = text.to_lowercase();
    for part in parts {
        rest = rest.replace(part.as_str(), " ");
    }
    rest.chars()
        .filter(|letter| !letter.is_whitespace())
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::password::PASSWORD_BYTES_MAX;
    use proptest::prelude::*;

    fn refused(text: &str) -> Option<PasswordRefused> {
        let words = [
            "ada.lovelace@engine.example".to_owned(),
            "Ada Lovelace".to_owned(),
        ];
        let password = Password::new(text.to_owned()).unwrap();
        match Rules::default().check(&password, &words) {
            Ok(()) => None,
            Err(PasswordError::Refused(refused)) => Some(refused),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(
            refused("vK8#pq2Lw!z"),
            Some(PasswordRefused::TooShort { characters: 11 })
        );
        assert_eq!(refused("vK8#pq2Lw!zT"), None);
        // Twelve characters of two and three bytes; eleven of more bytes than twelve.
        assert_eq!(refused("žluťoučkýkůň"), None);
        let characters = 11;
        assert_eq!(
            refused("žluťoučkýků"),
            Some(PasswordRefused::TooShort { characters })
        );
        assert_eq!(
            refused(""),
            Some(PasswordRefused::TooShort { characters: 0 })
        );
        // Letters alone are enough, and so is any length.
        assert_eq!(refused("lamp orbit velvet canyon"), None);
        let long = "lamp orbit velvet canyon ".repeat(40);
        assert_eq!(refused(&long), None);
        assert!(long.len() < PASSWORD_BYTES_MAX);
    }

    #[test]
    fn what_is_easy_to_guess_is_refused_with_advice() {
        for text in [
            "passwords1234",
            "qwertyuiop1212",
            "aaaaaaaaaaaaaaaaaaaaaa",
            "abcdefghijklmnopq",
            "1234567890121234",
            "tickloomtickloom",
            "Tickloom2026!",
            "AdaLovelace1815",
            "ada.lovelace@engine.example",
        ] {
            match refused(text) {
                Some(PasswordRefused::Guessable { advice }) => {
                    assert!(advice.ends_with('.'), "{advice}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        let said = refused("passwords1234").unwrap().to_string();
        assert!(
            said.starts_with("the password is easy to guess: "),
            "{said}"
        );
        // What everybody tries first needs no estimate.
        assert_eq!(refused("password1234"), Some(PasswordRefused::Common));
        assert_eq!(refused("ManchesterUnited"), Some(PasswordRefused::Common));
        // The same for somebody else is another thing, and so is a name beside something else.
        assert_eq!(refused("ada orbit velvet"), None);
        let password = Password::new("lovelace engine ada".to_owned()).unwrap();
        assert!(Rules::default().check(&password, &[]).is_ok());
        assert!(refused("lovelace engine ada").is_some());
    }

    #[test]
    fn hostile_texts_are_estimated_too() {
        let long = |text: &str| text.chars().cycle().take(900).collect::<String>();
        // Walks on a keyboard with a hundred turns, every substitution at once, one letter, and a word many times over.
        for text in [
            "12",
            "4@8({[</369&#!1/|0$5+7%2",
            "a",
            "qwsaqwsazx",
            "password1234",
            "p4$$w0rd",
        ] {
            let refused = refused(&long(text));
            let is_guessable = matches!(refused, Some(PasswordRefused::Guessable { .. }));
            assert!(is_guessable || text.len() > 12, "{text}: {refused:?}");
        }
        let walk = "12".repeat(40) + &"34".repeat(40);
        assert!(matches!(
            refused(&walk),
            Some(PasswordRefused::Guessable { .. })
        ));
        // Hard at its end alone; and twice over no harder than once.
        assert_eq!(
            refused(&format!("{}lamp orbit velvet", "a".repeat(40))),
            None
        );
        assert!(refused("lamplamplamplamplamp").is_some());
    }

    #[test]
    fn what_is_said_over_and_over_is_said_once() {
        for (text, said) in [
            ("", ""),
            ("a", "a"),
            ("aa", "a"),
            ("aab", "aab"),
            ("abab", "ab"),
            ("ababa", "ab"),
            ("abcab", "abcab"),
            ("abcabc", "abc"),
            ("aabaabaa", "aab"),
        ] {
            let text: Vec<char> = text.chars().collect();
            assert_eq!(once(&text).iter().collect::<String>(), said);
        }
    }

    #[test]
    fn a_character_that_has_no_meaning_yet_is_refused() {
        // Not assigned; of private use; of the last plane.
        for code in [0x378, 0xe000, 0x10_fffd] {
            let letter = char::from_u32(code).unwrap();
            let said = refused(&format!("lamp orbit velvet {letter}"));
            assert_eq!(said, Some(PasswordRefused::Unassigned { code }));
        }
        // Of a keyboard: a tab, an emoji, another script.
        assert_eq!(refused("lamp\torbit velvet 😀 жук"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_text_is_taken_or_refused(text in any::<String>(), likely in "[a-z0-9@$!|({<%&#+]{12,90}") {
            for text in [text, likely] {
                if let Ok(password) = Password::new(text) {
                    let said = Rules::default().check(&password, &["ada@engine.example".to_owned()]);
                    prop_assert!(matches!(said, Ok(()) | Err(PasswordError::Refused(_))));
                }
            }
        }
    }
}

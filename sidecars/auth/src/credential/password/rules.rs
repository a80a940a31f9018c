//! What a new password has to be (NIST SP 800-63B, section 3.1.1; OWASP ASVS 5.0, section 6.2): long, not easy to guess, not known
//! from a breach. Which kinds of characters it has does not matter.

use super::breached::BreachedList;
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
        let parts = parts(words);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let estimate = zxcvbn(text, &parts);
        if estimate.score() < SCORE_MIN {
            let advice = advice(estimate.feedback());
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

/// What somebody could try of these words: each whole, and what stands between signs in it.
fn parts(words: &[String]) -> Vec<String> {
    let mut parts = vec![OWN_WORD.to_owned()];
    for word in words {
        parts.push(word.clone());
        let pieces = word.split(|letter: char| !letter.is_alphanumeric());
        let long = pieces.filter(|piece| piece.chars().count() >= WORD_CHARACTERS_MIN);
        parts.extend(long.map(str::to_owned));
    }
    parts
}

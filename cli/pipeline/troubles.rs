//! What is not as it should be in a run that goes on: one state a part, by its name. Told on stderr when it changes, and shown in
//! the table for as long as it lasts.
//!
//! Whoever has trouble writes it here, from any thread; only the thread that owns the screen speaks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// News that wait to be told. What is beyond was told in part already, by the state that lasts.
const NEWS_MAX: usize = 256;
/// Letters of a state that are kept: it may come from another machine.
const TEXT_MAX: usize = 300;

/// The states of all parts that have one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Troubles(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    states: BTreeMap<String, String>,
    news: VecDeque<String>,
}

impl Troubles {
    /// Says what the matter is with a part; an unchanged text is no news.
    pub(crate) fn set(&self, part: &str, text: &str) {
        let text: String = text.chars().take(TEXT_MAX).collect();
        let mut board = self.lock();
        if board.states.get(part) != Some(&text) {
            board.tell(part, &text);
            board.states.insert(part.to_owned(), text);
        }
    }

    /// Says that a part is well, in these words if it was not before.
    pub(crate) fn clear(&self, part: &str, text: &str) {
        let mut board = self.lock();
        if board.states.remove(part).is_some() {
            board.tell(part, text);
        }
    }

    /// All states as lines, by the parts' names.
    pub(crate) fn lines(&self) -> Vec<String> {
        let board = self.lock();
        let states = board.states.iter();
        states.map(|(part, text)| line(part, text)).collect()
    }

    /// What has changed since this was asked for last.
    pub(crate) fn news(&self) -> Vec<String> {
        self.lock().news.drain(..).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    fn tell(&mut self, part: &str, text: &str) {
        if self.news.len() == NEWS_MAX {
            self.news.pop_front();
        }
        self.news.push_back(line(part, text));
    }
}

fn line(part: &str, text: &str) -> String {
    format!("{part:<10} {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_told_once_and_shown_while_it_lasts() {
        let troubles = Troubles::default();
        troubles.clear("catalog", "is written again");
        assert!(troubles.news().is_empty(), "it was never ill");
        for _ in 0..2 {
            troubles.set("catalog", "cannot be written");
        }
        troubles.set("binance", "waiting");
        assert_eq!(
            troubles.news(),
            ["catalog    cannot be written", "binance    waiting"]
        );
        assert_eq!(
            troubles.lines(),
            ["binance    waiting", "catalog    cannot be written"]
        );
        troubles.clear("catalog", "is written again");
        assert_eq!(troubles.news(), ["catalog    is written again"]);
        assert_eq!(troubles.lines(), ["binance    waiting"]);
    }

    #[test]
    fn news_and_texts_are_bounded() {
        let troubles = Troubles::default();
        for number in 0..1_000 {
            troubles.set("feed", &format!("{number}{}", "x".repeat(1_000)));
        }
        let news = troubles.news();
        assert_eq!(news.len(), 256);
        assert!(news[255].starts_with("feed       999x"));
        assert_eq!(news[255].len(), 311);
    }
}

//! Watching a running pipeline: a subscriber of its own, as anybody's would be, feeds the live table.

use crate::output::{self, Screen};
use crate::pipeline::{Facts, Pipeline, clock};
use crate::stop::Stop;
use crate::table::Table;
use anyhow::{Context, Result};
use std::time::{Duration, Instant};
use tickloom_wire::{Subscriber, SubscriberConfig, WireError};

/// Everything that the table shows.
const TOPICS: [&str; 9] = [
    "signal/",
    "quote/",
    "trade/",
    "bar/",
    "fill/",
    "position/",
    "account",
    "status",
    "order/",
];
/// Time between two drawings on a terminal.
const REDRAW: Duration = Duration::from_millis(250);
/// Time between two lines of progress where there is no terminal.
const PROGRESS: Duration = Duration::from_secs(5);
/// Longest wait for a message: Ctrl-C and the end are seen within it.
const WAIT: Duration = Duration::from_millis(50);

/// A subscriber and its table.
pub(crate) struct Live {
    subscriber: Subscriber,
    table: Table,
    screen: Screen,
    began: Instant,
    drawn: Instant,
}

impl Live {
    /// Subscribes to a pipeline that has just been started.
    ///
    /// # Errors
    /// The endpoint is not one that can be connected to.
    pub(crate) fn start(title: &'static str, facts: &Facts) -> Result<Live> {
        let config = SubscriberConfig::new(&connectable(&facts.endpoint), &TOPICS);
        let now = Instant::now();
        Ok(Live {
            subscriber: Subscriber::connect(&config).context("subscribe")?,
            table: Table::new(
                title,
                facts.instruments.clone(),
                facts.signals.clone(),
                facts.strategies.clone(),
            ),
            screen: Screen::new(),
            began: now,
            drawn: now,
        })
    }

    /// Shows the pipeline until `is_over`, Ctrl-C or a failure of one of its threads.
    ///
    /// # Errors
    /// The subscriber's socket failed.
    pub(crate) fn watch(
        &mut self,
        pipeline: &mut Pipeline,
        stop: &Stop,
        mut is_over: impl FnMut() -> bool,
    ) -> Result<()> {
        while !stop.is_wanted() && !pipeline.has_failed() && !is_over() {
            self.take()?;
            self.tell(&pipeline.news());
            self.draw(pipeline);
        }
        Ok(())
    }

    /// Says what has changed, above the table where there is one.
    fn tell(&mut self, news: &[String]) {
        if news.is_empty() {
            return;
        }
        self.screen.clear();
        news.iter().for_each(|line| output::note(line));
    }

    /// Takes what is still on its way, until it has been quiet for a moment.
    ///
    /// # Errors
    /// The subscriber's socket failed.
    pub(crate) fn drain(&mut self) -> Result<()> {
        while self.take()? {}
        Ok(())
    }

    /// Clears the screen and returns the table as it stands: to be taken before the stop makes every book stale.
    pub(crate) fn picture(&mut self, pipeline: &Pipeline, note: &str) -> String {
        self.screen.clear();
        self.table
            .draw(&pipeline.stages(), &pipeline.troubles(), note)
    }

    /// What it has heard.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    fn take(&mut self) -> Result<bool> {
        match self.subscriber.recv(WAIT) {
            Ok(Some(received)) => {
                self.table.apply(&received, clock::now());
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(WireError::Message { endpoint, error }) => {
                output::note(&format!("{endpoint}: {error}"));
                Ok(true)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn draw(&mut self, pipeline: &Pipeline) {
        let every = if self.screen.is_terminal() {
            REDRAW
        } else {
            PROGRESS
        };
        if self.drawn.elapsed() < every {
            return;
        }
        self.drawn = Instant::now();
        let seconds = self.began.elapsed().as_secs();
        let mut note = format!("{:02}:{:02}", seconds / 60, seconds % 60);
        if let Some(questdb) = pipeline.questdb_line() {
            note = format!("{note}   {questdb}");
        }
        let troubles = pipeline.troubles();
        if self.screen.is_terminal() {
            let table = self.table.draw(&pipeline.stages(), &troubles, &note);
            self.screen.draw(&table);
        } else {
            let (messages, missed) = (self.table.messages(), self.table.missed());
            output::note(&format!("{note}  {messages} messages, {missed} missed"));
            for trouble in troubles {
                output::note(&format!("       {trouble}"));
            }
        }
    }
}

/// The address to connect to for an endpoint that was bound: a wildcard is reached over loopback.
fn connectable(endpoint: &str) -> String {
    endpoint.replacen("0.0.0.0", "127.0.0.1", 1)
}

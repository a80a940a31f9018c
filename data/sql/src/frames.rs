//! Frames that take the place of relations, under names of their own: those with buckets, and rows that are there already.

use crate::clauses::Sample;
use crate::error::SqlError;
use crate::names::alias_of;
use crate::plan::Planner;
use crate::sample::{self, Edge};
use crate::sessions::Outside;
use polars::prelude::{DataFrame, IntoLazy, LazyFrame};
use sqlparser::ast::{Ident, ObjectName, Select, TableAlias, TableFactor};

impl Planner<'_> {
    /// The frame with the close of each row's bucket. With a calendar the rows are chosen first, so that those of them are counted that
    /// are in no bucket.
    pub(crate) fn with_buckets(
        &mut self,
        frame: LazyFrame,
        sample: &Sample,
        edge: Edge,
        (relation, select): (&TableFactor, &mut Select),
    ) -> Result<LazyFrame, SqlError> {
        let (mut chosen, outside) = (frame, Outside::default());
        if let Some(calendar) = &sample.calendar {
            if let Some(mut condition) = select.selection.take() {
                self.expressions(&mut condition)?;
                let alias = alias_of(relation).unwrap_or_else(|| Ident::new("joined"));
                let all = self.registered(alias, chosen);
                chosen = self.run(&format!("SELECT * FROM {all} WHERE {condition}"))?;
            }
            self.outside.push((calendar.clone(), outside.clone()));
        }
        let edge = (edge, outside);
        sample::with_buckets(chosen, sample, edge, self.reading.catalog, self.text)
    }

    /// What is to be said of rows that are in no bucket, once the statement was run.
    pub(crate) fn outside(&self) -> impl Iterator<Item = String> {
        let counts = self
            .outside
            .iter()
            .map(|(calendar, rows)| (calendar, rows.count()));
        counts.filter(|(_, rows)| *rows > 0).map(|(calendar, rows)| {
            format!(
                "{rows} rows are in no bucket: they are outside the sessions of {calendar}, or bars only partly within; times without a zone are \
                 taken as UTC unless an import is told --zone"
            )
        })
    }

    /// The name of rows that are there already.
    pub(crate) fn known(&mut self, values: DataFrame) -> String {
        self.named(values.lazy(), "query")
    }

    /// Makes a frame known to the engine, under a name that no one else has.
    fn named(&mut self, frame: LazyFrame, alias: &str) -> String {
        let name = format!("__t{}", self.frames);
        self.frames += 1;
        self.context.register(&name, frame);
        self.names.push((name.clone(), alias.to_owned()));
        name
    }

    /// A frame in the place of what it was made of.
    pub(crate) fn registered(&mut self, alias: Ident, frame: LazyFrame) -> TableFactor {
        let name = self.named(frame, &alias.value);
        let alias = TableAlias {
            explicit: true,
            name: Ident::with_quote('"', alias.value),
            columns: Vec::new(),
            at: None,
        };
        TableFactor::Table {
            name: ObjectName::from(Ident::new(name)),
            alias: Some(alias),
            args: None,
            with_hints: Vec::new(),
            version: None,
            with_ordinality: false,
            partitions: Vec::new(),
            json_path: None,
            sample: None,
            index_hints: Vec::new(),
        }
    }
}

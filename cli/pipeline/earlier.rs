//! What earlier runs in the same directory left behind: how they are to the catalog, and what the last one held when a start with
//! other settings begins a new one.

use crate::output;
use anyhow::{Result, anyhow};
use std::collections::BTreeMap;
use std::path::Path;
use tickloom_core::{Core, CoreConfig, Snapshot};
use tickloom_data::{Catalog, Comparison, catalog_dir, compare_recorded};
use tickloom_journal::{
    Block, JournalReader, RunMeta, read_snapshot, segment_numbers, snapshot_files,
};
use tickloom_types::{
    InstrumentId, Kind, OrderBody, OrderStatus, PositionBody, Record, Seq, format_decimal,
};

/// What a run held when it ended.
#[derive(Debug, Default)]
struct Held {
    /// Size mantissas by strategy and instrument; none is 0.
    positions: BTreeMap<(u32, InstrumentId), i64>,
    /// Strategies of orders that are open, by order.
    orders: BTreeMap<u32, u8>,
}

/// Compares what was recorded before with the catalog, and says in what they differ and what is about to be brought in.
///
/// # Errors
/// Either cannot be read.
pub(super) fn compare(dir: &Path) -> Result<Vec<Comparison>> {
    let catalog = Catalog::create(&catalog_dir(dir))?;
    let compared = compare_recorded(dir, &catalog)?;
    for one in &compared {
        for difference in &one.differences {
            output::note(&format!("catalog    {difference}"));
        }
        let lacking = one.lacking.first().zip(one.lacking.last());
        if let Some((first, last)) = lacking.filter(|_| one.contradiction().is_none()) {
            output::note(&format!(
                "catalog    brings in {} of segments {first} to {last} of run {}",
                one.lacking.len(),
                one.run
            ));
        }
    }
    Ok(compared)
}

/// Says that a new run begins beside `last`, which had other settings.
///
/// # Errors
/// If `last` held positions or orders and the user has not asked for a new run; if its journal cannot be read.
pub(super) fn look_back(journal: &Path, last: &RunMeta, is_new_wanted: bool) -> Result<()> {
    let run = &last.run;
    if is_new_wanted {
        output::note(&format!("new run    beside {run}, which stays as it is"));
        return Ok(());
    }
    let held = held(journal, last)?;
    if held.positions.is_empty() && held.orders.is_empty() {
        output::note(&format!(
            "new run    run {run} had other settings, and held nothing"
        ));
        return Ok(());
    }
    Err(anyhow!(
        "run {run} had other settings, and held {}: start with its settings to go on with it, or give --new-run to leave it as it is",
        held.words(last)
    ))
}

/// What the outputs of a journal add up to, from its newest snapshot on if there is one that this version loads.
fn held(journal: &Path, meta: &RunMeta) -> Result<Held> {
    let (mut held, mut from, mut segment) = (Held::default(), 0, 1);
    match restored(journal, meta) {
        Some((known, next_seq, first)) => (held, from, segment) = (known, next_seq, first),
        None if segment_numbers(journal)?.first() != Some(&1) => {
            return Err(anyhow!(
                "run {} had other settings, and what it held cannot be known, as its journal was pruned and no snapshot of it can be loaded: give --new-run to leave it as it is",
                meta.run
            ));
        }
        None => {}
    }
    let mut reader = JournalReader::open_from(journal, segment)?;
    while let Some(block) = reader.next_block()? {
        if let Block::Outputs { records, .. } = block {
            let later = records.iter().filter(|(cause, _)| *cause >= from);
            later.for_each(|(_, record)| held.take(record));
        }
    }
    Ok(held)
}

/// What the newest snapshot that can be loaded says, the first input that is not in it, and the segment that holds that.
fn restored(journal: &Path, meta: &RunMeta) -> Option<(Held, Seq, u32)> {
    let config: CoreConfig = serde_json::from_str(&meta.config).ok()?;
    snapshot_files(journal).ok()?.iter().find_map(|path| {
        let file = read_snapshot(path).ok()?;
        let core = Core::load(&config, &Snapshot::open(&file.state).ok()?).ok()?;
        let state = core.state();
        let positions = state.positions.iter().filter_map(|held| {
            let key = (u32::from(held.strategy), held.instrument);
            (held.position.qty() != 0).then(|| (key, held.position.qty()))
        });
        let held = Held {
            positions: positions.collect(),
            orders: state
                .orders
                .iter()
                .map(|order| (order.id, order.strategy))
                .collect(),
        };
        Some((held, file.head.next_seq, file.head.segment))
    })
}

impl Held {
    fn take(&mut self, record: &Record) {
        match record.kind() {
            Some(Kind::Position) => {
                let body = PositionBody::of(record);
                let key = (body.strategy, record.instrument());
                if body.qty == 0 {
                    self.positions.remove(&key);
                } else {
                    self.positions.insert(key, body.qty);
                }
            }
            Some(Kind::Order) => {
                let body = OrderBody::of(record);
                let is_open = matches!(
                    OrderStatus::from_raw(body.status),
                    Some(OrderStatus::Open | OrderStatus::PartlyFilled)
                );
                if is_open {
                    self.orders.insert(body.order, body.strategy);
                } else {
                    self.orders.remove(&body.order);
                }
            }
            _ => {}
        }
    }

    /// `0.5 binance.BTCUSDT (cross), 2 open orders`.
    fn words(&self, meta: &RunMeta) -> String {
        let mut words = Vec::new();
        for ((strategy, instrument), qty) in &self.positions {
            let def = meta.instruments.get(*instrument);
            let qty = format_decimal((*qty).into(), def.map_or(0, |def| def.qty_decimals));
            let name = def.map_or("?", |def| def.name.as_str());
            let strategy = usize::try_from(*strategy).ok();
            let of = strategy.and_then(|strategy| meta.strategies.get(strategy));
            let of = of.map_or("?", String::as_str);
            words.push(format!("{qty} {name} ({of})"));
        }
        match self.orders.len() {
            0 => {}
            1 => words.push("1 open order".to_owned()),
            many => words.push(format!("{many} open orders")),
        }
        words.join(", ")
    }
}

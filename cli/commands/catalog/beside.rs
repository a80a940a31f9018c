//! What the journals beside a catalog say to it.

use std::ops::ControlFlow;
use std::path::Path;
use tickloom_data::{
    Catalog, DataError, Difference, Fault, VerifyReport, compare_recorded, compare_rows,
};

/// Compares all journals of a record directory with the catalog, and adds what differs to its faults.
pub(super) fn compare(
    dir: &Path,
    catalog: &Catalog,
    report: &mut VerifyReport,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<(), DataError> {
    for found in compare_recorded(dir, catalog)? {
        // A journal in another place than its run's is no reason to compare its rows too.
        let mut found = match found.contradiction() {
            Some(_) => found,
            None => compare_rows(&found.journal, catalog, progress)?,
        };
        found.settle()?;
        report.behind += u64::try_from(found.lacking.len()).unwrap_or(u64::MAX);
        report
            .faults
            .extend(found.differences.into_iter().map(fault));
    }
    Ok(())
}

fn fault(difference: Difference) -> Fault {
    Fault {
        file: difference.file,
        found: difference.found,
        expected: difference.expected,
        remedy: Some(difference.remedy),
    }
}

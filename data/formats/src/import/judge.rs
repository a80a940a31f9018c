//! Whether a file is refused for its wrong rows.

use super::options::ImportOptions;
use super::report::ImportReport;
use crate::{FormatError, Result};

/// The one place that decides whether a file is refused for its wrong rows.
pub(super) fn judge(report: ImportReport, options: &ImportOptions) -> Result<ImportReport> {
    let max = options.refused_max.unwrap_or_default().of(report.read);
    if report.refused <= max {
        return Ok(report);
    }
    let report = Box::new(report);
    Err(FormatError::Refused { report, max })
}

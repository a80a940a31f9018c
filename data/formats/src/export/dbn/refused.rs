//! Why a row cannot be written.

/// Why a record is not written: a field that has no exact place, or the disk.
pub(super) enum Refused {
    Field(&'static str, String, &'static str),
    Write(::dbn::Error),
}

impl From<::dbn::Error> for Refused {
    fn from(error: ::dbn::Error) -> Refused {
        Refused::Write(error)
    }
}

pub(super) fn refused(
    field: &'static str,
    value: impl ToString,
    expected: &'static str,
) -> Refused {
    Refused::Field(field, value.to_string(), expected)
}

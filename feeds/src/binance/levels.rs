//! Reads `[["price","size"],...]` straight from the frame: no allocation, nothing but that shape.

use super::fields::{decimal, not_positive};
use crate::decode_error::DecodeError;

/// Calls `on(price, qty)` with the mantissas of each pair of `list`, which is valid JSON.
pub(super) fn read_levels(
    field: &'static str,
    list: &str,
    decimals: (u8, u8),
    mut on: impl FnMut(i64, i64) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut scan = Scan {
        field,
        bytes: list.as_bytes(),
        at: 0,
    };
    scan.expect(b'[')?;
    if scan.take(b']') {
        return scan.end();
    }
    loop {
        scan.expect(b'[')?;
        let price = scan.text()?;
        scan.expect(b',')?;
        let qty = scan.text()?;
        scan.expect(b']')?;
        on(
            level_price(field, price, decimals.0)?,
            level_qty(field, qty, decimals.1)?,
        )?;
        if !scan.take(b',') {
            break;
        }
    }
    scan.expect(b']')?;
    scan.end()
}

fn level_price(field: &'static str, text: &[u8], decimals: u8) -> Result<i64, DecodeError> {
    let price = decimal(field, text, decimals)?;
    if price <= 0 {
        return Err(not_positive(field, text, "a price above zero"));
    }
    Ok(price)
}

fn level_qty(field: &'static str, text: &[u8], decimals: u8) -> Result<i64, DecodeError> {
    let qty = decimal(field, text, decimals)?;
    if qty < 0 {
        return Err(not_positive(field, text, "a size of zero or above"));
    }
    Ok(qty)
}

struct Scan<'a> {
    field: &'static str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn fail(&self) -> DecodeError {
        DecodeError::Levels {
            field: self.field,
            byte: self.at,
        }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), DecodeError> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.fail())
        }
    }

    /// A string; an escape in it is left as it is and then is no decimal.
    fn text(&mut self) -> Result<&'a [u8], DecodeError> {
        self.expect(b'"')?;
        let rest = &self.bytes[self.at..];
        let length = rest
            .iter()
            .position(|&b| b == b'"')
            .ok_or_else(|| self.fail())?;
        self.at += length + 1;
        Ok(&rest[..length])
    }

    fn end(&mut self) -> Result<(), DecodeError> {
        self.skip_space();
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(self.fail())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &str) -> Result<Vec<(i64, i64)>, DecodeError> {
        let mut levels = Vec::new();
        read_levels("b", list, (2, 3), |price, qty| {
            levels.push((price, qty));
            Ok(())
        })?;
        Ok(levels)
    }

    #[test]
    fn reads_pairs_with_or_without_space() {
        assert_eq!(read("[]"), Ok(vec![]));
        assert_eq!(read(" [ ] "), Ok(vec![]));
        assert_eq!(
            read(r#"[["61800.20","2.507"], [ "0.01" , "0.000" ] ]"#),
            Ok(vec![(6_180_020, 2_507), (1, 0)])
        );
    }

    #[test]
    fn anything_else_is_refused_with_its_place() {
        let levels = |byte| Err(DecodeError::Levels { field: "b", byte });
        assert_eq!(read("{}"), levels(0));
        assert_eq!(read(r#"[["1"]]"#), levels(5));
        assert_eq!(read(r#"[["1","2","3"]]"#), levels(9));
        assert_eq!(read(r#"[["1","2"],]"#), levels(11));
        assert_eq!(read("[[1,2]]"), levels(2));
        assert_eq!(read(r#"[["1","2"]"#), levels(10));
        assert_eq!(read(r#"[["1","2"#), levels(7));
        assert_eq!(read("[]]"), levels(2));
    }

    #[test]
    fn numbers_are_exact_and_in_range() {
        let reason = |list: &str| read(list).unwrap_err().reason().name();
        assert_eq!(reason(r#"[["1.234","2"]]"#), "decimal_too_fine");
        assert_eq!(reason(r#"[["1","x"]]"#), "decimal_syntax");
        assert_eq!(
            reason(r#"[["99999999999999999999","1"]]"#),
            "decimal_overflow"
        );
        assert_eq!(reason(r#"[["0.00","1"]]"#), "not_positive");
        assert_eq!(reason(r#"[["-1","1"]]"#), "not_positive");
        assert_eq!(reason(r#"[["1","-0.001"]]"#), "not_positive");
    }
}

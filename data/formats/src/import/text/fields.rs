//! Fields of rows: without spaces around them, and without quotes, within which delimiters, line ends and doubled quotes are text.

use super::Lines;
use crate::Result;
use crate::limits::LINE_BYTES_MAX;
use csv_core::{ReadRecordResult, ReaderBuilder};
use std::collections::VecDeque;
use std::io::BufRead;
use std::path::Path;

/// Lines that one field may go over.
const LINES_MAX: usize = 20;

/// The fields of a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    text: Vec<u8>,
    spans: Vec<(usize, usize)>,
}

impl Fields {
    /// Fields of these texts.
    pub(crate) fn of(texts: impl IntoIterator<Item = Vec<u8>>) -> Fields {
        let mut fields = Fields::default();
        for text in texts {
            let from = fields.text.len();
            fields.text.extend_from_slice(&text);
            fields.span(from, fields.text.len());
        }
        fields
    }

    /// Becomes these fields, but for those that are said otherwise.
    pub(crate) fn refill<'t>(&mut self, from: &Fields, said: impl Fn(usize) -> Option<&'t [u8]>) {
        self.text.clear();
        self.spans.clear();
        for at in 0..from.len() {
            let begin = self.text.len();
            self.text
                .extend_from_slice(said(at).unwrap_or_else(|| from.get(at)));
            self.spans.push((begin, self.text.len()));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// A field; of a row that is too short, an empty one.
    pub(crate) fn get(&self, at: usize) -> &[u8] {
        let span = self.spans.get(at);
        span.and_then(|(from, to)| self.text.get(*from..*to))
            .unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Whether there is nothing between the delimiters.
    fn are_blank(&self) -> bool {
        self.spans.iter().all(|(from, to)| from == to)
    }

    fn span(&mut self, from: usize, to: usize) {
        let field = &self.text[from..to];
        let trimmed = field.trim_ascii();
        let from = from + (field.len() - field.trim_ascii_start().len());
        self.spans.push((from, from + trimmed.len()));
    }

    /// Cuts the text where no quote is.
    fn cut_plain(&mut self, delimiter: u8) {
        self.spans.clear();
        let mut from = 0;
        for at in 0..self.text.len() {
            if self.text[at] == delimiter {
                self.span(from, at);
                from = at + 1;
            }
        }
        self.span(from, self.text.len());
    }
}

/// The rows of a text, cut into fields.
pub(crate) struct Cutter {
    lines: Lines<'static>,
    delimiter: u8,
    /// Lines that were read to look for the end of a quote, and are rows of their own.
    pending: VecDeque<(u64, Vec<u8>)>,
    pub(crate) fields: Fields,
}

impl Cutter {
    pub(crate) fn new(path: &Path, source: Box<dyn BufRead>, delimiter: u8) -> Cutter {
        Cutter {
            lines: Lines::new(path, source),
            delimiter,
            pending: VecDeque::new(),
            fields: Fields::default(),
        }
    }

    /// As [`Lines::ahead`], if no line that was read before comes first.
    #[inline]
    pub(crate) fn ahead(&mut self) -> Result<&[u8]> {
        match self.pending.is_empty() {
            true => self.lines.ahead(),
            false => Ok(&[]),
        }
    }

    /// As [`Lines::pass`].
    #[inline]
    pub(crate) fn pass(&mut self, bytes: usize) -> u64 {
        self.lines.pass(bytes)
    }

    /// Whether the row that was read last is the last of the text and may be cut: it has no end, while those above it have.
    pub(crate) fn is_open(&self) -> bool {
        self.pending.is_empty() && self.lines.is_open()
    }

    fn line(&mut self, into: &mut Vec<u8>) -> Result<Option<u64>> {
        if let Some((number, line)) = self.pending.pop_front() {
            *into = line;
            return Ok(Some(number));
        }
        let Some((number, line)) = self.lines.next()? else {
            return Ok(None);
        };
        std::mem::swap(line, into);
        Ok(Some(number))
    }

    /// Reads the next row into `fields`: its line, from one. A quote that is never closed is text. A row of delimiters alone, as spreadsheets
    /// write empty ones, is a blank line.
    pub(crate) fn next(&mut self) -> Result<Option<u64>> {
        loop {
            let line = self.next_row()?;
            if line.is_none() || !self.fields.are_blank() {
                return Ok(line);
            }
        }
    }

    fn next_row(&mut self) -> Result<Option<u64>> {
        let mut text = std::mem::take(&mut self.fields.text);
        let Some(number) = self.line(&mut text)? else {
            self.fields.text = text;
            return Ok(None);
        };
        if !text.contains(&b'"') {
            self.fields.text = text;
            self.fields.cut_plain(self.delimiter);
            return Ok(Some(number));
        }
        self.quoted(text)?;
        Ok(Some(number))
    }

    /// Cuts a line with quotes, with the lines that it goes on in.
    fn quoted(&mut self, line: Vec<u8>) -> Result<()> {
        let (mut whole, first) = (line.clone(), line);
        let mut more = VecDeque::new();
        while !cut_quoted(&whole, self.delimiter, &mut self.fields) {
            let mut next = Vec::new();
            let may_go_on = more.len() < LINES_MAX && whole.len() < LINE_BYTES_MAX;
            let Some(number) = (if may_go_on {
                self.line(&mut next)?
            } else {
                None
            }) else {
                for line in more.into_iter().rev() {
                    self.pending.push_front(line);
                }
                self.fields.text = first;
                self.fields.cut_plain(self.delimiter);
                return Ok(());
            };
            whole.push(b'\n');
            whole.extend_from_slice(&next);
            more.push_back((number, next));
        }
        Ok(())
    }
}

/// Cuts a line as [`Cutter`] does; a quote that is not closed in it is text.
pub(crate) fn split(line: &[u8], delimiter: u8) -> Fields {
    let mut fields = Fields::default();
    if line.contains(&b'"') && cut_quoted(line, delimiter, &mut fields) {
        return fields;
    }
    fields.text = line.to_vec();
    fields.cut_plain(delimiter);
    fields
}

/// Cuts a text with quotes; false if one of them is not closed in it.
fn cut_quoted(text: &[u8], delimiter: u8, fields: &mut Fields) -> bool {
    let text = without_spaces(text, delimiter);
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    fields.text.clear();
    // Nothing that is cut is longer than the text, and a field has a delimiter or the end after it.
    fields.text.resize(text.len() + 1, 0);
    let count = text.iter().filter(|byte| **byte == delimiter).count();
    let mut ends = vec![0; count + 2];
    let (result, read, written, fields_ended) =
        reader.read_record(&text, &mut fields.text, &mut ends);
    if result != ReadRecordResult::InputEmpty || read != text.len() {
        return false;
    }
    // The end of a line within a quote is text, and otherwise ends the row.
    let (result, _, more, last) = reader.read_record(
        b"\n",
        &mut fields.text[written..],
        &mut ends[fields_ended..],
    );
    if result != ReadRecordResult::Record {
        return false;
    }
    fields.text.truncate(written + more);
    fields.spans.clear();
    let mut from = 0;
    for to in &ends[..fields_ended + last] {
        fields.span(from, *to);
        from = *to;
    }
    true
}

/// The text without spaces between a delimiter and a quote.
fn without_spaces(text: &[u8], delimiter: u8) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    for byte in text {
        if *byte == b'"' {
            let kept = out.trim_ascii_end().len();
            if kept < out.len() && (kept == 0 || out[kept - 1] == delimiter) && delimiter != b'\t' {
                out.truncate(kept);
            }
        }
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn texts(fields: &Fields) -> Vec<String> {
        let fields = fields.iter();
        fields
            .map(|field| String::from_utf8(field.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn fields_lose_spaces_and_quotes() {
        let check = |line: &str, expected: &[&str]| {
            assert_eq!(texts(&split(line.as_bytes(), b',')), expected, "{line}");
        };
        check("a,b", &["a", "b"]);
        check(" a , b ", &["a", "b"]);
        check(",a,", &["", "a", ""]);
        check("", &[""]);
        check(r#""a,b",c"#, &["a,b", "c"]);
        check(r#""a ""b""",c"#, &["a \"b\"", "c"]);
        check(r#""Date", "Open", "1,000""#, &["Date", "Open", "1,000"]);
        check(r#""a,b"#, &["\"a", "b"]);
        check(r#"5" pipe,b"#, &["5\" pipe", "b"]);
        check(r#""","b""#, &["", "b"]);
    }

    #[test]
    fn a_quote_goes_over_lines_or_is_text() {
        let rows = |text: &str| {
            let source = Box::new(Cursor::new(text.as_bytes().to_vec()));
            let mut cutter = Cutter::new(Path::new("x"), source, b',');
            let mut rows = Vec::new();
            while let Some(line) = cutter.next().unwrap() {
                rows.push((line, texts(&cutter.fields).join("|")));
            }
            rows
        };
        let row = |line: u64, text: &str| (line, text.to_owned());
        assert_eq!(
            rows("a,\"b\nc\",d\ne,f\n"),
            [row(1, "a|b\nc|d"), row(3, "e|f")]
        );
        assert_eq!(
            rows("a,\"b\nc,d\n\n e\n"),
            [row(1, "a|\"b"), row(2, "c|d"), row(4, "e")]
        );
    }
}

//! multipart/form-data (RFC 7578) bodies in memory: fields with their place in the body.
//!
//! `multer` reads the form; this file finds every value's bytes in the body and refuses whatever
//! two parsers could read differently (a preamble, odd headers, encodings, names given twice).

use std::collections::HashSet;
use std::convert::Infallible;
use std::ops::Range;

use bytes::Bytes;
use futures_util::FutureExt;
use memchr::memmem;
use multer::Multipart;

use super::{ReadError, ReadLimits};

/// Longest file name that is read, bytes: file systems end at 255.
const MAX_FILE_NAME_BYTES: usize = 1024;

/// One field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormField {
    /// The name it was sent under.
    pub name: String,
    /// The file name and its bytes in the body, without quotes.
    pub file: Option<(String, Range<usize>)>,
    /// The value's bytes in the body.
    pub value: Range<usize>,
}

/// Reads the form.
///
/// # Errors
/// Anything but a plain form; the message names the field's number from 0, never its text.
pub fn read(
    content_type: &str,
    body: &Bytes,
    limits: &ReadLimits,
) -> Result<Vec<FormField>, ReadError> {
    let boundary = boundary(content_type)?;
    let mut form = Form {
        body,
        delimiter: format!("--{boundary}"),
        at: 0,
    };
    form.check_start()?;
    let whole = futures_util::stream::iter([Ok::<_, Infallible>(body.clone())]);
    let mut parser = Multipart::new(whole, boundary);
    let mut fields = Vec::new();
    let mut names = HashSet::new();
    loop {
        let next = parser.next_field().now_or_never();
        let Some(parsed) = next.ok_or_else(incomplete)?.map_err(|_| incomplete())? else {
            break;
        };
        if fields.len() >= limits.parts {
            let most = limits.parts;
            return Err(refuse("too_many_parts", format!("more than {most} fields")));
        }
        let field = form.field(fields.len(), parsed)?;
        let may_repeat = field.name.ends_with("[]");
        if !may_repeat && !names.insert(field.name.clone()) {
            let why = "has a name that was sent before; send each once";
            return Err(refuse(
                "duplicate_key",
                format!("field {} {why}", fields.len()),
            ));
        }
        fields.push(field);
    }
    form.check_end()?;
    Ok(fields)
}

/// The form's delimiter, from its content type.
///
/// # Errors
/// Another type, or no boundary.
pub fn boundary(content_type: &str) -> Result<String, ReadError> {
    let named = content_type
        .to_ascii_lowercase()
        .matches("boundary=")
        .count();
    multer::parse_boundary(content_type)
        .ok()
        .filter(|_| named == 1)
        .ok_or_else(|| {
            let message = "send multipart/form-data with one boundary";
            refuse("unsupported_media_type", message)
        })
}

/// Whether `text` may stand in a form with this content type: it must not hold its delimiter.
pub fn fits(content_type: &str, text: &str) -> bool {
    boundary(content_type).is_ok_and(|boundary| !text.contains(&format!("--{boundary}")))
}

/// Follows the parser through the body.
struct Form<'a> {
    body: &'a Bytes,
    /// `--` and the boundary.
    delimiter: String,
    /// Where the next delimiter begins.
    at: usize,
}

impl Form<'_> {
    fn check_start(&self) -> Result<(), ReadError> {
        if !self.body.starts_with(self.delimiter.as_bytes()) {
            return Err(refuse(
                "invalid_form",
                "the form has to begin with its boundary",
            ));
        }
        Ok(())
    }

    fn check_end(&self) -> Result<(), ReadError> {
        let rest = &self.body[self.at..];
        let rest = rest.strip_prefix(self.delimiter.as_bytes());
        if !matches!(rest, Some(b"--" | b"--\r\n")) {
            return Err(refuse(
                "invalid_form",
                "the form has to end with its boundary",
            ));
        }
        Ok(())
    }

    /// Finds the parsed field's bytes; both readings have to agree.
    fn field(&mut self, number: usize, parsed: multer::Field<'_>) -> Result<FormField, ReadError> {
        let odd = |why: &str| refuse("invalid_form", format!("field {number} {why}"));
        check_headers(&parsed).map_err(odd)?;
        let name = parsed.name().unwrap_or_default().to_owned();
        let file_name = parsed.file_name().map(ToOwned::to_owned);
        let value = parsed.bytes().now_or_never();
        let value = value.ok_or_else(incomplete)?.map_err(|_| incomplete())?;

        let head_end = memmem::find(&self.body[self.at..], b"\r\n\r\n").ok_or_else(incomplete)?;
        let head = self.at..self.at + head_end;
        let start = head.end + 4;
        let found = start..start + value.len();
        if self.body.get(found.clone()) != Some(&value[..]) {
            return Err(odd("cannot be placed in the form"));
        }
        if memmem::find(&value, self.delimiter.as_bytes()).is_some() {
            return Err(odd("holds the form's boundary"));
        }
        self.at = found.end + 2;
        let file = match file_name {
            Some(name) => Some(
                self.place_file_name(name, head)
                    .ok_or_else(|| odd(FILE_NAME))?,
            ),
            None => None,
        };
        Ok(FormField {
            name,
            file,
            value: found,
        })
    }

    fn place_file_name(&self, name: String, head: Range<usize>) -> Option<(String, Range<usize>)> {
        if name.len() > MAX_FILE_NAME_BYTES {
            return None;
        }
        let quoted = format!("filename=\"{name}\"");
        let start = head.start + memmem::find(&self.body[head], quoted.as_bytes())?;
        let start = start + "filename=\"".len();
        let raw = start..start + name.len();
        Some((name, raw))
    }
}

const FILE_NAME: &str = "has a file name that cannot be read; quote it as filename=\"name\"";

/// One content-disposition with plain quoted parameters, a UTF-8 text or a file, no encoding.
fn check_headers(field: &multer::Field<'_>) -> Result<(), &'static str> {
    for name in field.headers().keys() {
        let known = ["content-disposition", "content-type", "content-length"];
        if !known.contains(&name.as_str()) || field.headers().get_all(name).iter().count() > 1 {
            return Err("has a header that a form field does not need; leave it out");
        }
    }
    let disposition = field.headers().get("content-disposition");
    let disposition = disposition.map_or(&b""[..], |value| value.as_bytes());
    let times = |what: &str| memmem::find_iter(disposition, what.as_bytes()).count();
    // "filename=" holds "name=" as well.
    let names = times("name=") - times("filename=");
    let plain = names == 1 && times("filename=") <= 1 && times("*=") == 0 && times("\\") == 0;
    if !plain || field.name().is_none_or(str::is_empty) {
        return Err("needs a content-disposition with one quoted name");
    }
    let charset = field
        .content_type()
        .and_then(|kind| kind.get_param("charset"));
    if charset.is_some_and(|charset| !charset.as_str().eq_ignore_ascii_case("utf-8")) {
        return Err("has to be UTF-8");
    }
    Ok(())
}

fn incomplete() -> ReadError {
    refuse("invalid_form", "the form is cut short or malformed")
}

fn refuse(code: &'static str, message: impl Into<String>) -> ReadError {
    ReadError {
        code,
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORM: &str = "multipart/form-data; boundary=\"wg 1\"";
    const LIMITS: ReadLimits = ReadLimits {
        depth: 8,
        parts: 16,
    };

    fn value() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            // What looks like the form's own bytes.
            "(\r\n|\n|-|--|--wg|--wg 2|name=\"a\"|[a-z]){0,8}".prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// Every value is found at its own bytes, whatever it holds.
        #[test]
        fn values_are_found_where_they_stand(
            fields in prop::collection::vec(("[a-z]{1,6}", prop::option::of("[a-z. ]{1,6}"), value()), 1..6),
        ) {
            let mut body = Vec::new();
            let mut expect = Vec::new();
            for (number, (name, file, value)) in fields.iter().enumerate() {
                let name = format!("{name}{number}");
                let file_part = file.as_ref().map_or_else(String::new, |file| format!("; filename=\"{file}\""));
                let head = format!("--wg 1\r\nContent-Disposition: form-data; name=\"{name}\"{file_part}\r\n\r\n");
                body.extend_from_slice(head.as_bytes());
                let start = body.len();
                body.extend_from_slice(value);
                expect.push((name, file.clone(), start..body.len()));
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"--wg 1--\r\n");
            let found = read(FORM, &Bytes::from(body.clone()), &LIMITS).expect("reads");
            for (_, raw) in found.iter().filter_map(|field| field.file.as_ref()) {
                prop_assert_eq!(body[raw.start - 1], b'"');
                prop_assert_eq!(body[raw.end], b'"');
            }
            let found: Vec<_> = found
                .into_iter()
                .map(|field| (field.name, field.file.map(|file| file.0), field.value))
                .collect();
            prop_assert_eq!(found, expect);
        }

        /// Any bytes: fields or an error, never a panic.
        #[test]
        fn any_bytes_are_read_or_refused(body in "(--wg 1|--|\r\n|Content-Disposition: form-data; name=\"a\"|[a-z\u{e9}\"]){0,12}") {
            let body = Bytes::from(body);
            if let Ok(fields) = read(FORM, &body, &LIMITS) {
                for field in fields {
                    prop_assert!(body.get(field.value).is_some());
                }
            }
        }
    }

    #[test]
    fn a_content_type_names_one_boundary() {
        for kind in [
            "application/json",
            "multipart/form-data",
            "multipart/form-data; boundary=a; boundary=b",
        ] {
            let error = boundary(kind).expect_err("refused");
            assert_eq!(error.code, "unsupported_media_type");
        }
        assert_eq!(boundary(FORM).as_deref(), Ok("wg 1"));
        assert!(fits(FORM, "--wg") && !fits(FORM, "a--wg 1"));
    }
}

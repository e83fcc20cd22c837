//! What a package keeps in scripts: an object or a string behind `exports=`, as minifiers write them.
//! Nothing is run.
//!
//! Limits: names without quotes, `!0` and `!1`, `.5`, strings in double quotes; no other expression.

use serde::de::DeserializeOwned;

/// The object that begins with the member `name`.
pub(super) fn object<T: DeserializeOwned>(script: &[u8], name: &str) -> Option<T> {
    let script = std::str::from_utf8(script).ok()?;
    let start = script.find(&format!("={{{name}:"))? + 1;
    serde_json::from_str(&json(&script[start..])?).ok()
}

/// The string that is exported.
pub(super) fn string(script: &[u8]) -> Option<&str> {
    let script = std::str::from_utf8(script).ok()?;
    let start = script.find("exports=\"")? + "exports=\"".len();
    script[start..].split('"').next()
}

/// The object at the front of a script, as JSON.
fn json(script: &str) -> Option<String> {
    let (mut out, mut depth, mut at) = (String::new(), 0_usize, 0);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
    loop {
        let rest = script.get(at..)?;
        let bytes = rest.as_bytes();
        let length = match *bytes.first()? {
            b'"' => {
                let length = quoted(bytes)?;
                out.push_str(&rest[..length]);
                length
            }
            b'!' => {
                out.push_str(if bytes.get(1) == Some(&b'0') {
                    "true"
                } else {
                    "false"
                });
                2
            }
            b'.' => {
                out.push_str("0.");
                1
            }
            // Digits of any number go on as they are, names of members get quotes.
            first if is_name(&first) => {
                let length = bytes.iter().take_while(|byte| is_name(byte)).count();
                let is_member = bytes.get(length) == Some(&b':');
                let quote = if is_member { "\"" } else { "" };
                out.extend([quote, &rest[..length], quote]);
                // The point of a number is not the first of one.
                let is_number = first.is_ascii_digit() && bytes.get(length) == Some(&b'.');
                if is_number {
                    out.push('.');
                }
                length + usize::from(is_number)
            }
            byte if byte.is_ascii() => {
                out.push(char::from(byte));
                match byte {
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.checked_sub(1)?,
                    _ => {}
                }
                1
            }
            _ => return None,
        };
        if depth == 0 {
            return Some(out);
        }
        at += length;
    }
}

/// Bytes of a string in quotes.
fn quoted(bytes: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    let end = bytes.iter().skip(1).position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    });
    Some(end? + 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn objects_come_out_of_scripts() {
        let script = br#"!function(e){h.exports={soup:{leek:!0,b_1:[1,-.5,1.25,1e-3,2e-7]},c:"a\"}",d:!1,e:null}},{}"#;
        let read: Option<Value> = object(script, "soup");
        let expected = json!({"soup": {"leek": true, "b_1": [1, -0.5, 1.25, 1e-3, 2e-7]}, "c": "a\"}", "d": false, "e": null});
        assert_eq!(read, Some(expected));
        for cut in 0..script.len() - 6 {
            assert_eq!(object::<Value>(&script[..cut], "soup"), None, "{cut}");
        }
        assert_eq!(string(br#"x.exports="abc=="},{}"#), Some("abc=="));
        assert_eq!(string(b"exports=1"), None);
    }
}

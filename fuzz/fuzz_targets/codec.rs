//! No body and no event makes a dialect panic, and a request without edits is written as it came.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wardgate::codec::{CODECS, Envelope, ReadLimits};

const LIMITS: ReadLimits = ReadLimits {
    depth: 64,
    parts: 1024,
};

fuzz_target!(|bytes: &[u8]| {
    let body = Bytes::copy_from_slice(bytes);
    for codec in CODECS {
        for kind in ["application/json", "multipart/form-data; boundary=x"] {
            if let Ok(ask) = codec.read(kind, &body, &LIMITS) {
                assert_eq!(codec.write(kind, &body, &ask, &[], None).as_ref(), Ok(&body));
            }
        }
        let _ = codec.read_answer(bytes, &LIMITS);
        if let Ok(data) = std::str::from_utf8(bytes) {
            let _ = codec.read_event(data, &mut Envelope::default(), &LIMITS);
        }
    }
});

//! Frames are the input's bytes, and where the input was cut never matters.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wardgate::codec::sse::{Frame, Frames};

fn frames(pieces: &[&[u8]]) -> Vec<Option<Frame>> {
    let mut decoder = Frames::new();
    let mut found = Vec::new();
    for piece in pieces {
        decoder.push(Bytes::copy_from_slice(piece));
        while let Some(frame) = decoder.next_frame() {
            let failed = frame.is_err();
            found.push(frame.ok());
            if failed {
                return found;
            }
        }
    }
    found.extend(decoder.finish().map(Result::ok));
    found
}

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    let (first, rest) = bytes.split_at(usize::from(cut).min(bytes.len()));
    assert_eq!(frames(&[bytes]), frames(&[first, rest]));
});

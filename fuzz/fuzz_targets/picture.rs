//! Any bytes are a picture within bounds, or there is a reason why not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardgate::picture::look;

fuzz_target!(|bytes: &[u8]| {
    let _ = look(bytes);
});

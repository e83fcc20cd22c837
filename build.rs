//! Lays the rows of the sentence encoder out as they are looked up. The repository has them compressed; in the binary
//! they lie in six or seven bits a number, so that nothing is unpacked at start-up and only the pages of pieces
//! that somebody wrote are ever read (docs/decisions/0059).

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::{env, fs};

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize_to_file};

#[path = "src/sense/packing.rs"]
#[expect(dead_code, reason = "unpacking is the library's half")]
mod packing;

const MODEL: &str = "models/sense/encoder.safetensors";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={MODEL}");
    println!("cargo::rerun-if-changed=src/sense/packing.rs");
    let file = fs::read(MODEL)?;
    let (_, head) = SafeTensors::read_metadata(&file)?;
    let model = SafeTensors::deserialize(&file)?;
    let count = model.tensor("rows.chunk")?.data().len();
    let frame = model.tensor("rows.zstd")?.data();
    let numbers = zstd::bulk::decompress(frame, count * packing::NUMBERS)?;
    let (mut packed, mut wide) = (Vec::new(), Vec::new());
    for row in numbers.as_chunks().0 {
        let seven = packing::pack(row, &mut packed);
        wide.push(u8::from(seven.ok_or("a row needs more than seven bits")?));
    }
    let mut tensors: HashMap<String, TensorView<'_>> = model.tensors().into_iter().collect();
    tensors.remove("rows.zstd");
    for (name, bytes) in [("rows.packed", &packed), ("rows.wide", &wide)] {
        let view = TensorView::new(Dtype::U8, vec![bytes.len()], bytes)?;
        tensors.insert(name.to_owned(), view);
    }
    let out = Path::new(&env::var("OUT_DIR")?).join("encoder.safetensors");
    serialize_to_file(tensors, head.metadata().clone(), &out)?;
    Ok(())
}

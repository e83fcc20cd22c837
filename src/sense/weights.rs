//! [`Weights`]: a safetensors file, every tensor checked for type and shape as it is taken.

use std::fmt;

use safetensors::{Dtype, SafeTensors};

/// What is wrong with a model file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadModel(String);

impl BadModel {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for BadModel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the model file is not usable: {}", self.0)
    }
}

impl std::error::Error for BadModel {}

/// A file's tensors and metadata.
pub(super) struct Weights<'f> {
    tensors: SafeTensors<'f>,
    metadata: std::collections::HashMap<String, String>,
}

impl<'f> Weights<'f> {
    /// Reads the head of a file and checks its format number.
    pub fn read(file: &'f [u8]) -> Result<Self, BadModel> {
        let whole = |error: safetensors::SafeTensorError| BadModel::new(error.to_string());
        let (_, head) = SafeTensors::read_metadata(file).map_err(whole)?;
        let weights = Self {
            tensors: SafeTensors::deserialize(file).map_err(whole)?,
            metadata: head.metadata().clone().unwrap_or_default(),
        };
        match weights.said("format")? {
            "1" => Ok(weights),
            other => Err(BadModel::new(format!("format is {other:?}, not \"1\""))),
        }
    }

    /// A value of the metadata.
    pub fn said(&self, key: &str) -> Result<&str, BadModel> {
        let value = self.metadata.get(key).map(String::as_str);
        value.ok_or_else(|| BadModel::new(format!("the metadata lack {key:?}")))
    }

    /// Whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Result<Vec<usize>, BadModel> {
        let tensor = self.tensors.tensor(name);
        let tensor = tensor.map_err(|_| BadModel::new(format!("there is no tensor {name:?}")))?;
        Ok(tensor.shape().to_vec())
    }

    /// Finite numbers of exactly that shape.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, BadModel> {
        let bytes = self.data(name, Dtype::F32, Some(shape))?;
        let words = bytes.as_chunks::<4>().0.iter();
        let floats: Vec<f32> = words.map(|&word| f32::from_le_bytes(word)).collect();
        if floats.iter().any(|float| !float.is_finite()) {
            return Err(BadModel::new(format!(
                "{name:?} holds a number that is none"
            )));
        }
        Ok(floats)
    }

    /// Whole numbers of 32 bits.
    pub fn units(&self, name: &str) -> Result<Vec<u32>, BadModel> {
        let bytes = self.data(name, Dtype::U32, None)?;
        let words = bytes.as_chunks::<4>().0.iter();
        Ok(words.map(|&word| u32::from_le_bytes(word)).collect())
    }

    /// Signed bytes of exactly that shape.
    pub fn signed(&self, name: &str, shape: &[usize]) -> Result<Vec<i8>, BadModel> {
        let bytes = self.data(name, Dtype::I8, Some(shape))?;
        Ok(bytes.iter().map(|byte| byte.cast_signed()).collect())
    }

    /// Bytes.
    pub fn bytes(&self, name: &str) -> Result<&'f [u8], BadModel> {
        self.data(name, Dtype::U8, None)
    }

    fn data(&self, name: &str, of: Dtype, shape: Option<&[usize]>) -> Result<&'f [u8], BadModel> {
        let tensor = self.tensors.tensor(name);
        let tensor = tensor.map_err(|_| BadModel::new(format!("there is no tensor {name:?}")))?;
        if tensor.dtype() != of || shape.is_some_and(|shape| shape != tensor.shape()) {
            let (dtype, found) = (tensor.dtype(), tensor.shape());
            let wanted = shape.map_or(String::new(), |shape| format!(" {shape:?}"));
            let message = format!("{name:?} is {dtype:?} {found:?}, not {of:?}{wanted}");
            return Err(BadModel::new(message));
        }
        Ok(tensor.data())
    }
}

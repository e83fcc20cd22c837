//! [`Network`]: a trained network in a file (ONNX), read within bounds and run on numbers.
//!
//! How to use it: [`Network::load`] once, when policies are loaded, and keep the [`Arc`]; the file's
//! hash is the caller's to check. Where a thread may be kept (a blocking one: the gallery's looks
//! run there), call [`Network::run`]. On the road, await [`Network::ask`]: it takes a turn (one run a
//! core), runs on a blocking thread, and is [`Failed::Late`] after the deadline, waiting included.
//! What a failure means is the app's `on_failure`; nothing here decides.
//!
//! Knows no file format but ONNX, and neither what the numbers mean nor where they come from.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use std::time::Duration;

use rten::{Model, RunOptions, ThreadPool, Value, ValueOrView};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use tokio::sync::Semaphore;

/// Bytes of one file: a base-sized encoder in 32-bit floats, and room.
pub const MAX_FILE_BYTES: u64 = 768 * 1024 * 1024;
/// Numbers of one answer: a map of a picture, or the chances of 6,625 letters at 256 places.
const MAX_ANSWER: usize = 1 << 21;

/// Runs of all networks at once on the road: one a core, so that streams get their share.
static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(cores))
});

/// The runtime shares a product among threads of its own; told that there is one, a run keeps one
/// core, and as many runs as there are cores go side by side.
static ALONE: LazyLock<Arc<ThreadPool>> =
    LazyLock::new(|| Arc::new(ThreadPool::with_num_threads(1)));

/// A network that was read.
pub struct Network {
    model: Model,
}

impl fmt::Debug for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Network").finish_non_exhaustive()
    }
}

/// Numbers for a network: their shape, and all of them, the last dimension's next to each other.
#[derive(Debug, Clone)]
pub enum Input {
    /// Numbers.
    Floats(Vec<usize>, Vec<f32>),
    /// Indices: pieces of a text, masks.
    Integers(Vec<usize>, Vec<i32>),
}

/// Why a network cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadNetwork(pub String);

impl fmt::Display for BadNetwork {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for BadNetwork {}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It does not take such numbers, or gives none.
    Shape,
    /// It took too long, waiting included.
    Late,
}

impl Network {
    /// Reads a file.
    ///
    /// # Errors
    /// For the operator: too large, not there, no network that can be run.
    pub fn load(file: &Path) -> Result<Self, BadNetwork> {
        let place = file.display();
        let unread = |error: &dyn fmt::Display| BadNetwork(format!("{place}: {error}"));
        let bytes = std::fs::metadata(file)
            .map_err(|error| unread(&error))?
            .len();
        if bytes > MAX_FILE_BYTES {
            let message = format!("larger than {MAX_FILE_BYTES} bytes");
            return Err(unread(&message));
        }
        let bytes = std::fs::read(file).map_err(|error| unread(&error))?;
        Self::read(bytes).map_err(|error| unread(&error))
    }

    /// Reads what a file holds.
    ///
    /// # Errors
    /// As [`Network::load`].
    pub fn read(bytes: Vec<u8>) -> Result<Self, BadNetwork> {
        let model = Model::load(bytes).map_err(|error| BadNetwork(error.to_string()))?;
        if model.input_ids().is_empty() || model.output_ids().is_empty() {
            return Err(BadNetwork("it takes or gives nothing".to_owned()));
        }
        Ok(Self { model })
    }

    /// How many inputs it takes.
    pub fn inputs(&self) -> usize {
        self.model.input_ids().len()
    }

    /// What its file says under a name.
    pub fn note(&self, name: &str) -> Option<&str> {
        self.model.metadata().get(name)
    }

    /// What its inputs are called, in the file's order.
    pub fn input_names(&self) -> Vec<&str> {
        let ids = self.model.input_ids().iter();
        let names = ids.map(|&id| self.model.node_info(id).and_then(|node| node.name()));
        names.map(Option::unwrap_or_default).collect()
    }

    /// Runs it; `inputs` in the file's order. Its first output, all numbers of it. Keeps the thread
    /// for as long as it takes.
    ///
    /// # Errors
    /// [`Failed::Shape`].
    pub fn run(&self, inputs: Vec<Input>) -> Result<Vec<f32>, Failed> {
        let ids = self.model.input_ids();
        let output = *self.model.output_ids().first().ok_or(Failed::Shape)?;
        if ids.len() != inputs.len() {
            return Err(Failed::Shape);
        }
        let values = inputs.into_iter().map(Input::value);
        let values: Option<Vec<Value>> = values.collect();
        let values = values
            .ok_or(Failed::Shape)?
            .into_iter()
            .map(ValueOrView::from);
        let inputs = ids.iter().copied().zip(values).collect();
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&ALONE)));
        let answer = self.model.run(inputs, &[output], Some(options));
        let answer = answer.map_err(|_| Failed::Shape)?.into_iter().next();
        let answer: Tensor<f32> = answer
            .and_then(|value| value.try_into().ok())
            .ok_or(Failed::Shape)?;
        let answer = answer.to_vec();
        match answer.len() <= MAX_ANSWER && answer.iter().all(|number| number.is_finite()) {
            true => Ok(answer),
            false => Err(Failed::Shape),
        }
    }

    /// [`Network::run`] on a blocking thread, within a deadline that waiting counts towards.
    ///
    /// # Errors
    /// See [`Failed`].
    pub async fn ask(
        self: &Arc<Self>,
        inputs: Vec<Input>,
        deadline: Duration,
    ) -> Result<Vec<f32>, Failed> {
        let network = Arc::clone(self);
        let asked = async move {
            let turn = Arc::clone(&TURNS).acquire_owned().await;
            let turn = turn.map_err(|_| Failed::Late)?;
            let run = tokio::task::spawn_blocking(move || {
                // Kept until the run is over, however long the caller waits for it.
                let _turn = turn;
                network.run(inputs)
            });
            run.await.unwrap_or(Err(Failed::Shape))
        };
        let asked = tokio::time::timeout(deadline, asked).await;
        asked.unwrap_or(Err(Failed::Late))
    }
}

impl Input {
    /// As the runtime takes them; nothing where the numbers are not as many as the shape says.
    fn value(self) -> Option<Value> {
        match self {
            Self::Floats(shape, numbers) => {
                let tensor = Tensor::try_from_data(shape.as_slice(), numbers).ok()?;
                Some(tensor.into())
            }
            Self::Integers(shape, numbers) => {
                let tensor = Tensor::try_from_data(shape.as_slice(), numbers).ok()?;
                Some(tensor.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_network_is_refused() {
        let read = |bytes: &[u8]| Network::read(bytes.to_vec()).map(|_| ());
        for bytes in [
            &b""[..],
            b"turnip",
            &[0x08, 0x08, 0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f],
        ] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let absent = Network::load(&folder.path().join("soup.onnx")).map(|_| ());
        assert!(absent.is_err_and(|why| why.0.contains("soup.onnx")));
    }

    /// A network that doubles: y = x + x, both of shape [2].
    fn doubles() -> Network {
        let field = |tag: u8, bytes: &[u8]| [&[tag, bytes.len() as u8], bytes].concat();
        let node = [
            field(0x0a, b"x"),
            field(0x0a, b"x"),
            field(0x12, b"y"),
            field(0x22, b"Add"),
        ];
        let dimension = field(0x0a, &[0x08, 2]);
        let tensor = [&[0x08, 1][..], &field(0x12, &dimension)].concat();
        let of_type = field(0x12, &field(0x0a, &tensor));
        let value = |name: &[u8]| [field(0x0a, name), of_type.clone()].concat();
        let graph = [
            field(0x0a, &node.concat()),
            field(0x12, b"g"),
            field(0x5a, &value(b"x")),
            field(0x62, &value(b"y")),
        ];
        let opset = field(0x42, &[0x10, 13]);
        let model = [vec![0x08, 8], field(0x3a, &graph.concat()), opset];
        Network::read(model.concat()).expect("a network")
    }

    #[test]
    fn a_network_runs_on_as_many_numbers_as_its_shape_says() {
        let network = doubles();
        let run = |shape: &[usize], numbers: &[f32]| {
            network.run(vec![Input::Floats(shape.to_vec(), numbers.to_vec())])
        };
        assert_eq!(run(&[2], &[1.0, 4.0]), Ok(vec![2.0, 8.0]));
        assert_eq!(run(&[3], &[1.0, 4.0]), Err(Failed::Shape));
        assert_eq!(run(&[1], &[f32::MAX]), Err(Failed::Shape));
        assert_eq!(network.run(Vec::new()), Err(Failed::Shape));
        assert_eq!(network.inputs(), 1);
    }

    #[tokio::test]
    async fn an_answer_comes_in_time_or_not_at_all() {
        let network = Arc::new(doubles());
        let input = || vec![Input::Floats(vec![2], vec![1.0, 2.0])];
        let minute = Duration::from_secs(60);
        assert_eq!(network.ask(input(), minute).await, Ok(vec![2.0, 4.0]));
        let all = u32::try_from(TURNS.available_permits()).expect("a few");
        let _taken = TURNS.acquire_many(all).await.expect("open");
        assert_eq!(
            network.ask(input(), Duration::ZERO).await,
            Err(Failed::Late)
        );
    }
}

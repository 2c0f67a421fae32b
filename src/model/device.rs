//! Where nets run: the CPU or a CUDA device, and how libtorch is made to see CUDA.

use std::{ffi::CStr, fmt, str::FromStr, sync::OnceLock};

use tch::{Cuda, Device};

/// Where the user wants nets to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// CUDA where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device of this number.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| format!("'{text}' is not a device; use auto, cpu, cuda or cuda:N")),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// A device that was asked for and cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot run on {choice}: {why}; use --device cpu, or auto to take what there is")]
pub struct DeviceError {
    choice: DeviceChoice,
    why: String,
}

impl DeviceChoice {
    /// The device to run on; [`Self::Auto`] never fails.
    ///
    /// # Errors
    /// When CUDA is asked for by name and this number of device is not there.
    pub fn resolve(self) -> Result<Device, DeviceError> {
        if self == Self::Cpu {
            // To load CUDA takes time and memory.
            return Ok(Device::Cpu);
        }
        let fail = |why| Err(DeviceError { choice: self, why });
        match (self, prepare_cuda()) {
            (Self::Cpu, _) | (Self::Auto, CudaState::Absent(_) | CudaState::Present { devices: 0 }) => {
                Ok(Device::Cpu)
            }
            (Self::Auto, CudaState::Present { .. }) => Ok(Device::Cuda(0)),
            (Self::Cuda(_), CudaState::Absent(why)) => fail(why.clone()),
            (Self::Cuda(number), CudaState::Present { devices }) if number < *devices => {
                Ok(Device::Cuda(number))
            }
            (Self::Cuda(_), CudaState::Present { devices }) => {
                fail(format!("CUDA works and has {devices} devices, numbered from 0"))
            }
        }
    }
}

/// What became of looking for CUDA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CudaState {
    /// It works.
    Present {
        /// How many devices there are.
        devices: usize,
    },
    /// It does not, and why.
    Absent(String),
}

impl fmt::Display for CudaState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present { devices } => write!(f, "CUDA with {devices} devices"),
            Self::Absent(why) => write!(f, "no CUDA: {why}"),
        }
    }
}

/// Loads libtorch's CUDA half where the machine has a driver for it. The program is not linked against that half, so
/// that it also starts where only the CPU half is installed. libtorch remembers the first answer to whether CUDA is
/// there, so this comes before every other question about CUDA. Looks once and remembers.
pub fn prepare_cuda() -> &'static CudaState {
    static STATE: OnceLock<CudaState> = OnceLock::new();
    STATE.get_or_init(|| {
        // The driver first: without it, loading the CUDA half takes seconds for nothing.
        if let Err(why) = open_library(c"libcuda.so.1") {
            return CudaState::Absent(format!("there is no NVIDIA driver ({why})"));
        }
        if let Err(why) = open_library(c"libtorch_cuda.so") {
            return CudaState::Absent(format!(
                "libtorch is installed without CUDA, see ./setup.sh --cuda ({why})"
            ));
        }
        if Cuda::is_available() {
            CudaState::Present {
                devices: usize::try_from(Cuda::device_count()).unwrap_or(0),
            }
        } else {
            CudaState::Absent("libtorch finds no device that it can use".into())
        }
    })
}

/// Loads a library for the rest of the process.
fn open_library(name: &CStr) -> Result<(), String> {
    // SAFETY: the name is a C string that outlives the call. Loading runs the library's own initialisers, which is
    // what libtorch's CUDA half is made for; it is never unloaded.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if !handle.is_null() {
        return Ok(());
    }
    // SAFETY: dlerror gives null or a C string that stays valid until this thread's next dl call.
    let message = unsafe { libc::dlerror() };
    if message.is_null() {
        return Err("unknown reason".into());
    }
    // SAFETY: as above; not null, and copied at once.
    Err(unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_and_written_alike() {
        for text in ["auto", "cpu", "cuda:0", "cuda:3"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for text in ["", "gpu", "cuda:", "cuda:-1", "cuda:x"] {
            assert!(text.parse::<DeviceChoice>().unwrap_err().contains("cuda:N"));
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_an_error_and_auto_is_not() {
        assert_eq!(DeviceChoice::Cpu.resolve(), Ok(Device::Cpu));
        assert!(DeviceChoice::Auto.resolve().is_ok());
        let message = DeviceChoice::Cuda(900).resolve().unwrap_err().to_string();
        assert!(
            message.contains("cuda:900") && message.contains("--device cpu"),
            "{message}"
        );
    }

    #[test]
    fn a_library_that_is_not_there_says_so() {
        assert!(
            open_library(c"libno-such-thing.so.9")
                .unwrap_err()
                .contains("libno-such-thing")
        );
    }
}

//! Looks into a weights file without running anything in it: which kind of file it is, whether it is whole, and
//! what it says about itself. Knows zip archives and bytes, not libtorch.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    io::{Cursor, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use zip::{
    CompressionMethod, ZipArchive, ZipWriter,
    read::{ArchiveOffset, Config},
    result::ZipError,
    write::SimpleFileOptions,
};

use super::{
    contract::{Contract, ContractError, FILE_NAME},
    operators,
    pickle::{self, NATIVE_CLASSES, Odd},
};
use crate::{files::plain, text::shortened};

/// Largest file that is read: far above any net for live video, and it fits the memory of small machines.
const LARGEST_FILE: u64 = 2 << 30;
/// An archive may unpack to this many times its size, and this many bytes more: tensors are stored unpacked and
/// only source text is compressed, so a larger promise is a zip bomb.
const LARGEST_GROWTH: u64 = 16;
const LARGEST_EXTRA: u64 = 64 << 20;
/// All code of a net, and each of its pickles, unpacks to no more than this: what is read of it takes many times as much memory.
const LARGEST_READ: usize = 16 << 20;
/// PyTorch starts the data of every tensor at a multiple of this, so that it can be mapped into memory.
const ALIGNMENT: u16 = 64;
/// Marks a folder among an entry's attributes. libtorch takes it at its word, whatever the name, and reads nothing.
const FOLDER_BIT: u32 = 0x10;
/// Most of an entry's name that is shown, characters.
const LONGEST_NAME: usize = 100;
/// How many names of a foreign zip archive an error shows.
const SHOWN_NAMES: usize = 3;

/// A whole TorchScript archive, every checksum of which is right and whose code names nothing but operators that compute.
#[derive(Clone)]
pub struct Archive {
    /// The file's bytes: what was checked is what gets loaded.
    pub bytes: Vec<u8>,
    /// What the file says about itself; `None` for nets saved by other programs.
    pub contract: Option<Contract>,
    /// How many entries it has.
    pub entries: usize,
}

impl Archive {
    /// SHA-256 of the file, in hexadecimal.
    pub fn checksum(&self) -> String {
        let bytes = Sha256::digest(&self.bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Without its bytes, which are millions.
impl fmt::Debug for Archive {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "Archive({} bytes, {} entries)",
            self.bytes.len(),
            self.entries
        )
    }
}

/// A file that cannot be used as weights.
#[derive(Debug, thiserror::Error)]
#[error("{problem}: {}", path.display())]
pub struct ArchiveError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a weights file, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Missing, a folder, or not to be read.
    #[error("cannot read the weights file: {0}; check its name and that you may read it")]
    Unreadable(std::io::Error),
    /// Nothing in it.
    #[error("the weights file is empty; copy or download it again")]
    Empty,
    /// Too many bytes, packed or unpacked.
    #[error("not a weights file that can be used: it {0}; TorchScript files are far smaller")]
    TooLarge(String),
    /// Cut off, flipped bits, or otherwise not as it was written.
    #[error("the weights file is damaged ({0}); copy or download it again")]
    Damaged(String),
    /// Tensors without code.
    #[error(
        "the file holds weights without the net that they belong to ({0}), and TorchScript is needed; in Python: \
         net.load_state_dict(torch.load(\"FILE\")); torch.jit.script(net.eval()).save(\"NET.pt\")"
    )]
    StateDict(&'static str),
    /// A Python object whose code is elsewhere.
    #[error(
        "the file is a pickled Python net ({0}), which only the program that made it can read; in Python: \
         net = torch.load(\"FILE\", weights_only=False); torch.jit.script(net.eval()).save(\"NET.pt\")"
    )]
    PickledNet(&'static str),
    /// Tensors as `pinkpoint train` saves them.
    #[error("the file is a training checkpoint; `pinkpoint export FILE --out NET.pt` makes a net of it")]
    Checkpoint,
    /// A zip archive of something else.
    #[error(
        "a zip archive, but not one that PyTorch wrote (it holds {0}); name a .pt file saved by torch.jit.save"
    )]
    ForeignZip(String),
    /// Not an archive at all.
    #[error("not a weights file ({0}); name a .pt file saved by torch.jit.save or `pinkpoint export`")]
    NotAnArchive(&'static str),
    /// Its code does more than compute.
    #[error(
        "the net's code uses {what} ({file}, line {line}), and a net may do nothing but compute: what could read or write files, \
         print or start threads is refused, and what is not known is, too. Export it without that"
    )]
    Refused {
        /// What is named or done there.
        what: String,
        /// The file within the archive.
        file: String,
        /// Its line, from 1.
        line: usize,
    },
    /// It needs classes written in C++.
    #[error(
        "the net is made of classes written in C++ ({0}), as quantised nets are; export it before it is quantised"
    )]
    NativeClass(String),
    /// It would have something made as it is loaded that is none of its own classes.
    #[error(
        "the net has libtorch make {what} as it is loaded ({file}), and it may make nothing but tensors and objects of its own \
         classes; export it without that"
    )]
    Makes {
        /// What is named.
        what: String,
        /// The file within the archive.
        file: String,
    },
    /// In a form that is not written any more, and not read here.
    #[error(
        "the weights file was saved by PyTorch before 1.4; load it in a newer PyTorch, and save it again"
    )]
    TooOld,
    /// The JSON of the contract is not usable.
    #[error("the weights file's {FILE_NAME} cannot be used: {0}; export it again")]
    Contract(#[from] ContractError),
}

/// Reads a weights file and checks all of it.
///
/// # Errors
/// When it is anything but a whole TorchScript archive with a usable contract or none.
pub fn look_into(path: &Path) -> Result<Archive, ArchiveError> {
    read(path).and_then(check).map_err(|problem| ArchiveError {
        path: path.to_path_buf(),
        problem,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let length = plain::open(path).and_then(|file| Ok(file.metadata()?.len()));
    let length = length.map_err(Problem::Unreadable)?;
    if length > LARGEST_FILE {
        return Err(Problem::TooLarge(format!("has {} MB", length >> 20)));
    }
    plain::read(path, LARGEST_FILE).map_err(Problem::Unreadable)
}

/// Checks the bytes of a file; see [`look_into`].
///
/// # Errors
/// When they are anything but a whole TorchScript archive with a usable contract or none.
pub fn check(bytes: Vec<u8>) -> Result<Archive, Problem> {
    if !bytes.starts_with(b"PK") {
        return Err(not_a_zip(&bytes));
    }
    let mut zip = open(&bytes)?;
    let unpacked = unpack(&mut zip, bytes.len() as u64)?;
    check_names(&unpacked)?;
    let names: Vec<&str> = unpacked.iter().map(|(name, _)| name.as_str()).collect();
    let top = names.first().and_then(|name| name.split_once('/'));
    let Some((top, _)) = top.filter(|(top, _)| names.contains(&format!("{top}/constants.pkl").as_str()))
    else {
        return Err(no_code(&unpacked));
    };
    if names.contains(&format!("{top}/model.json").as_str()) {
        return Err(Problem::TooOld);
    }
    let code = format!("{top}/code/");
    if !names.iter().any(|name| name.starts_with(&code)) {
        return Err(no_code(&unpacked));
    }
    check_code(&unpacked, top)?;
    let json = format!("{top}/extra/{FILE_NAME}");
    let contract = unpacked
        .iter()
        .find(|(name, _)| *name == json)
        .map(|(_, content)| Contract::from_json(content))
        .transpose()?;
    let entries = unpacked.len();
    drop(zip);
    Ok(Archive {
        bytes,
        contract,
        entries,
    })
}

/// The archive with `contract` as its JSON, in place of an older one.
///
/// # Errors
/// When the archive is damaged or the contract cannot be written.
pub fn with_contract(bytes: &[u8], contract: &Contract) -> Result<Vec<u8>, Problem> {
    let json = contract.to_json()?;
    let mut zip = open(bytes)?;
    let unpacked = unpack(&mut zip, bytes.len() as u64)?;
    let top = unpacked
        .iter()
        .find_map(|(name, _)| name.split_once('/'))
        .map_or("net", |(top, _)| top);
    let extra = format!("{top}/extra/{FILE_NAME}");
    let mut out = ZipWriter::new(Cursor::new(Vec::with_capacity(bytes.len() + json.len())));
    for (index, (name, content)) in unpacked.iter().enumerate() {
        let method = zip.by_index_raw(index).map_err(damaged)?.compression();
        if *name != extra {
            put(&mut out, name, content, method)?;
        }
    }
    put(&mut out, &extra, &json, CompressionMethod::Stored)?;
    Ok(out.finish().map_err(damaged)?.into_inner())
}

/// Names and contents of all entries of an archive that was checked.
///
/// # Errors
/// When it is damaged.
pub(super) fn entries(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Problem> {
    unpack(&mut open(bytes)?, bytes.len() as u64)
}

/// The archive with other source in some of its files, named below `code/`. What it says of their lines, for Python's error
/// messages, is left out, since it is of the source before.
///
/// # Errors
/// When the archive is damaged.
pub(super) fn with_code(bytes: &[u8], code: &BTreeMap<String, String>) -> Result<Vec<u8>, Problem> {
    let mut zip = open(bytes)?;
    let mut out = ZipWriter::new(Cursor::new(Vec::with_capacity(bytes.len())));
    for index in 0..zip.len() {
        let entry = zip.by_index_raw(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        let file = name.split_once("/code/").map(|(_, file)| file);
        match file.and_then(|file| code.get(file)) {
            Some(text) => put(&mut out, &name, text.as_bytes(), CompressionMethod::Deflated)?,
            None if file.is_some_and(|file| code.contains_key(file.trim_end_matches(".debug_pkl"))) => {}
            None => {
                drop(entry);
                let mut content = Vec::new();
                let mut entry = zip.by_index(index).map_err(damaged)?;
                entry
                    .read_to_end(&mut content)
                    .map_err(|e| Problem::Damaged(e.to_string()))?;
                put(&mut out, &name, &content, CompressionMethod::Stored)?;
            }
        }
    }
    Ok(out.finish().map_err(damaged)?.into_inner())
}

fn put(
    out: &mut ZipWriter<Cursor<Vec<u8>>>,
    name: &str,
    content: &[u8],
    method: CompressionMethod,
) -> Result<(), Problem> {
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .with_alignment(ALIGNMENT);
    out.start_file(name, options).map_err(damaged)?;
    out.write_all(content)
        .map_err(|e| Problem::Damaged(e.to_string()))
}

fn damaged(error: ZipError) -> Problem {
    Problem::Damaged(error.to_string())
}

fn open(bytes: &[u8]) -> Result<ZipArchive<Cursor<&[u8]>>, Problem> {
    // The archive begins where the file does. Left to find that out, zip 9 takes the second entry of the table of contents
    // for the first where that is 76 bytes long, as long as the records that PyTorch writes behind the table.
    let config = Config {
        archive_offset: ArchiveOffset::Known(0),
    };
    let mut zip = ZipArchive::with_config(config, Cursor::new(bytes)).map_err(|e| {
        Problem::Damaged(format!(
            "no table of contents at its end, so perhaps cut off: {e}"
        ))
    })?;
    if table_at_end(bytes) != Some(zip.central_directory_start()) {
        return Err(Problem::Damaged("something follows its table of contents".into()));
    }
    // Names and sizes are in the file twice; checksums cover contents only.
    zip.validate_header_consistency().map_err(damaged)?;
    Ok(zip)
}

/// Where the table of contents begins by what the last bytes of the file say, which is what libtorch goes by; `None` where they
/// are not the end of an archive, or a comment's. (APPNOTE.TXT of PKWARE, 4.3.14 to 4.3.16.)
fn table_at_end(bytes: &[u8]) -> Option<u64> {
    /// The last record, whose last two bytes are the length of a comment behind it.
    const END: (&[u8], usize) = (b"PK\x05\x06", 22);
    /// Before it, in archives with room for large files, where to find the record of such.
    const LOCATOR: (&[u8], usize) = (b"PK\x06\x07", 20);
    let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let end = bytes.len().checked_sub(END.1)?;
    if !bytes[end..].starts_with(END.0) || !bytes.ends_with(&[0, 0]) {
        return None;
    }
    if let Some(locator) = end.checked_sub(LOCATOR.1)
        && bytes[locator..].starts_with(LOCATOR.0)
    {
        let record = usize::try_from(number(locator + 8)?).ok()?;
        return number(record.checked_add(48)?);
    }
    // Its size and, behind that, its place, four bytes each.
    Some(number(end + 12)? >> 32)
}

/// Names and contents of all entries; reading an entry to its end checks its checksum.
fn unpack(zip: &mut ZipArchive<Cursor<&[u8]>>, file_size: u64) -> Result<Vec<(String, Vec<u8>)>, Problem> {
    let limit = file_size * LARGEST_GROWTH + LARGEST_EXTRA;
    let mut total = 0;
    let mut unpacked = Vec::with_capacity(zip.len());
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        if entry.external_attributes() & FOLDER_BIT != 0 {
            return Err(Problem::Damaged(format!(
                "its entry {name} is marked as a folder"
            )));
        }
        total = u64::saturating_add(total, entry.size());
        if total > limit {
            return Err(Problem::TooLarge(format!(
                "unpacks to more than {} MB",
                limit >> 20
            )));
        }
        let mut content = Vec::new();
        entry
            .read_to_end(&mut content)
            .map_err(|e| Problem::Damaged(format!("{e} in its entry {name}")))?;
        if content.len() as u64 != entry.size() {
            return Err(Problem::Damaged(format!("its entry {name} is too short")));
        }
        unpacked.push((name, content));
    }
    Ok(unpacked)
}

/// libtorch takes the first entry's folder for that of all, and finds entries by their names whatever the case: a name that
/// means two entries could be read as one here and as the other there.
fn check_names(unpacked: &[(String, Vec<u8>)]) -> Result<(), Problem> {
    let top = unpacked.first().and_then(|(name, _)| name.split_once('/'));
    let mut known = HashSet::new();
    for (name, _) in unpacked {
        let odd =
            name.contains(['\\', '\0', ':']) || name.split('/').any(|part| matches!(part, "" | "." | ".."));
        // All that PyTorch writes itself is in small letters; what it is given to keep lies below `extra`.
        let part = name.split('/').nth(1).unwrap_or_default();
        let odd = odd || part.bytes().any(|byte| byte.is_ascii_uppercase());
        if odd || name.split_once('/').map(|(folder, _)| folder) != top.map(|(folder, _)| folder) {
            let name = shortened(name, LONGEST_NAME);
            return Err(Problem::Damaged(format!("an entry is called {name:?}")));
        }
        if !known.insert(name.to_ascii_lowercase()) {
            let name = shortened(name, LONGEST_NAME);
            return Err(Problem::Damaged(format!("it has two entries called {name:?}")));
        }
    }
    Ok(())
}

/// Its source and what it unpickles may name operators and classes that compute, and no others.
fn check_code(unpacked: &[(String, Vec<u8>)], top: &str) -> Result<(), Problem> {
    let folder = format!("{top}/code/");
    let (mut code, mut pickles, mut length) = (BTreeMap::new(), Vec::new(), 0);
    for (name, content) in unpacked {
        let is_code = name.starts_with(&folder);
        let below = name.strip_prefix(top).unwrap_or_default();
        if matches!(below, "/data.pkl" | "/constants.pkl") || is_code && name.ends_with(".debug_pkl") {
            too_large(name, content.len())?;
            pickles.push((name, content));
        } else if is_code {
            length += content.len();
            too_large(&folder, length)?;
            let text = std::str::from_utf8(content)
                .map_err(|e| Problem::Damaged(format!("{e} in its entry {name}")))?;
            code.insert(name.as_str(), text);
        }
    }
    let classes = operators::check(&code)
        .map_err(|operators::Refused { what, file, line }| Problem::Refused { what, file, line })?;
    let classes = classes.iter().map(|(file, class)| {
        let module = file.strip_prefix(&folder).unwrap_or(file);
        let module = module.strip_suffix(".py").unwrap_or(module);
        format!("{}.{class}", module.replace('/', "."))
    });
    let classes = classes.collect();
    for (name, content) in pickles {
        pickle::check(content, &classes).map_err(|odd| match odd {
            Odd::Names(what) if what.contains(NATIVE_CLASSES) => Problem::NativeClass(name.clone()),
            Odd::Names(what) => Problem::Makes {
                what: shortened(&what, LONGEST_NAME),
                file: name.clone(),
            },
            Odd::Form(how) => Problem::Damaged(format!("its entry {name} holds a pickle {how}")),
        })?;
    }
    Ok(())
}

fn too_large(name: &str, length: usize) -> Result<(), Problem> {
    if length > LARGEST_READ {
        let name = shortened(name, LONGEST_NAME);
        return Err(Problem::TooLarge(format!("has {} MB in {name}", length >> 20)));
    }
    Ok(())
}

/// What a zip archive is that holds no TorchScript.
fn no_code(unpacked: &[(String, Vec<u8>)]) -> Problem {
    if let Some((_, pickle)) = unpacked.iter().find(|(name, _)| name.ends_with("/data.pkl")) {
        return pickled(pickle);
    }
    let names: Vec<String> = unpacked
        .iter()
        .map(|(name, _)| shortened(name, LONGEST_NAME))
        .take(SHOWN_NAMES)
        .collect();
    Problem::ForeignZip(match names.as_slice() {
        [] => "nothing".into(),
        names => names.join(", "),
    })
}

/// What a file is that does not begin like a zip archive.
fn not_a_zip(bytes: &[u8]) -> Problem {
    /// Pickle protocol 2, which PyTorch before 1.6 wrote.
    const OLD_PICKLE: &[u8] = b"\x80\x02";
    // safetensors: the length of a JSON object in eight bytes, then the object.
    if bytes.get(8) == Some(&b'{') && bytes[..8].ends_with(&[0, 0, 0, 0]) {
        return Problem::Checkpoint;
    }
    if bytes.starts_with(OLD_PICKLE) {
        return pickled(bytes);
    }
    if bytes.is_empty() {
        Problem::Empty
    } else if bytes
        .iter()
        .take(512)
        .all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace())
    {
        Problem::NotAnArchive("it is text")
    } else {
        Problem::NotAnArchive("it does not begin like a zip archive")
    }
}

/// Tells apart, by the classes it names, a pickled net and tensors only. Reads bytes, runs nothing.
fn pickled(pickle: &[u8]) -> Problem {
    let holds = |text: &[u8]| pickle.windows(text.len()).any(|window| window == text);
    if holds(b"torch.nn.modules") {
        Problem::PickledNet("saved by torch.save(net)")
    } else if holds(b"optimizer") || holds(b"state_dict") {
        Problem::StateDict("a training checkpoint saved by torch.save")
    } else {
        Problem::StateDict("a state dict saved by torch.save")
    }
}

//! The programs that read sound, film and large pictures: found once at start, run from file to file, killed when they take
//! too long.

use std::{
    fs::File,
    io::Seek as _,
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{process::Command, time::timeout};

use super::{Config, Error, sniff::Format};

/// How long a program may take to tell its version.
const SHORT: Duration = Duration::from_secs(10);
/// No frame may have more pixels.
const MOST_PIXELS: &str = "40000000";

/// What is installed here.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    ffmpeg: Option<String>,
    ffprobe: Option<String>,
    time_limit: Duration,
}

impl Tools {
    /// Looks for them.
    pub(crate) async fn find(config: &Config) -> Self {
        let tools = Self {
            ffmpeg: runs(&config.ffmpeg).await,
            ffprobe: runs(&config.ffprobe).await,
            time_limit: config.time_limit(),
        };
        if !tools.are_there() {
            tracing::warn!(
                "ffmpeg and ffprobe are not both here: voice messages and films that the other side cannot play, and \
                 large pictures, stay as they are or are refused (key media.ffmpeg)"
            );
        }
        tools
    }

    /// None at all.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self {
            ffmpeg: None,
            ffprobe: None,
            time_limit: Duration::from_secs(1),
        }
    }

    /// Whether sound, film and large pictures can be converted.
    pub(crate) fn are_there(&self) -> bool {
        self.ffmpeg.is_some() && self.ffprobe.is_some()
    }

    /// Whether a file of this format can be.
    pub(super) fn can_read(&self, format: Format) -> bool {
        self.are_there() && format.parser().is_some()
    }

    /// Runs `ffmpeg` from a file to a new one.
    pub(super) async fn convert(&self, file: &File, format: Format, arguments: &[&str]) -> Result<File, Error> {
        self.convert_with(&[], file, format, arguments).await
    }

    /// The same; `before` stands before the input, `arguments` behind it.
    pub(super) async fn convert_with(
        &self,
        before: &[&str],
        file: &File,
        format: Format,
        arguments: &[&str],
    ) -> Result<File, Error> {
        let program = self.ffmpeg.as_ref().ok_or(Error::NeedsTool("ffmpeg"))?;
        let parser = format.parser().ok_or(Error::Unreadable)?;
        let mut made = tempfile::tempfile().map_err(Error::machine)?;
        let mut command = Command::new(program);
        command
            .args(["-hide_banner", "-v", "error", "-nostdin", "-y"])
            .args(before)
            .args(["-max_pixels", MOST_PIXELS, "-protocol_whitelist", "file", "-f", parser])
            .args(["-i", "/proc/self/fd/0", "-map_metadata", "-1", "-sn", "-dn"])
            .args(arguments)
            .arg("/proc/self/fd/1")
            .stdout(made.try_clone().map_err(Error::machine)?);
        self.run(command, file).await?;
        made.rewind().map_err(Error::machine)?;
        if made.metadata().map_err(Error::machine)?.len() == 0 {
            return Err(Error::Unreadable);
        }
        Ok(made)
    }

    /// What `ffprobe` says about a file, as JSON.
    pub(super) async fn probe(&self, file: &File, format: Format) -> Result<Vec<u8>, Error> {
        let program = self.ffprobe.as_ref().ok_or(Error::NeedsTool("ffmpeg"))?;
        let parser = format.parser().ok_or(Error::Unreadable)?;
        let mut command = Command::new(program);
        command
            .args([
                "-hide_banner",
                "-v",
                "error",
                "-protocol_whitelist",
                "file",
                "-f",
                parser,
            ])
            .args(["-print_format", "json", "-show_entries"])
            .arg(
                "format=duration:stream=codec_type,codec_name,pix_fmt,width,height,duration:\
                 stream_side_data=rotation:stream_disposition=attached_pic",
            )
            .arg("/proc/self/fd/0")
            .stdout(Stdio::piped());
        Ok(self.run(command, file).await?.stdout)
    }

    async fn run(&self, mut command: Command, file: &File) -> Result<Output, Error> {
        // The programs open it anew by its name in `/proc`, so that they can go to and fro in it.
        let input = file.try_clone().map_err(Error::machine)?;
        let child = command
            .stdin(input)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::machine)?;
        let output = timeout(self.time_limit, child.wait_with_output())
            .await
            .map_err(|_| Error::TooSlow)?
            .map_err(Error::machine)?;
        if output.status.success() {
            return Ok(output);
        }
        tracing::info!(status = %output.status, "a file could not be read by ffmpeg");
        Err(Error::Unreadable)
    }
}

/// The program, when it is one.
async fn runs(program: &str) -> Option<String> {
    if program.is_empty() {
        return None;
    }
    let mut command = Command::new(program);
    command
        .arg("-version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let status = timeout(SHORT, command.status()).await.ok()?.ok()?;
    status.success().then(|| program.to_owned())
}

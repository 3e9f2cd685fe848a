//! wharf as people run it: a process with a config file, that can be killed at any instant.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::{Child, Command};

use super::waiting::eventually;

/// One wharf.
pub struct Wharf {
    dir: PathBuf,
    port: u16,
    child: Option<Child>,
    starts: u32,
}

impl Wharf {
    /// A wharf that lives in `dir`, where its `config.toml` stands, and will listen on `port`.
    pub fn new(dir: &Path, port: u16) -> Self {
        Self {
            dir: dir.to_owned(),
            port,
            child: None,
            starts: 0,
        }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The command line, ready for arguments.
    pub fn command(dir: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
        command
            .arg("--config")
            .arg(dir.join("config.toml"))
            .current_dir(dir)
            .env_clear();
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Starts it; `failpoints` as the crate `fail` reads them. Does not wait.
    pub fn spawn(&mut self, failpoints: &str) {
        self.starts += 1;
        let log = File::create(self.log(self.starts)).unwrap();
        let mut command = Self::command(&self.dir);
        command.arg("run").stderr(log.try_clone().unwrap()).stdout(log);
        if !failpoints.is_empty() {
            command.env("FAILPOINTS", failpoints);
        }
        self.child = Some(command.spawn().unwrap());
    }

    fn log(&self, start: u32) -> PathBuf {
        self.dir.join(format!("wharf-{start}.log"))
    }

    /// Everything it logged so far, over all its starts.
    pub fn logs(&self) -> String {
        (1..=self.starts)
            .map(|start| fs::read_to_string(self.log(start)).unwrap_or_default())
            .collect()
    }

    /// Starts it and waits until its doors answer.
    pub async fn start(&mut self) {
        self.spawn("");
        self.answers().await;
    }

    /// Waits until its doors answer.
    pub async fn answers(&mut self) {
        let url = format!("{}/healthz", self.url());
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(2))
            .build()
            .unwrap();
        let (client, url) = (&client, &url);
        let logs = self.log(self.starts);
        let child = self.child.as_mut().expect("it was started");
        if let Some(status) = child.try_wait().unwrap() {
            panic!(
                "wharf ended with {status}: {}",
                fs::read_to_string(logs).unwrap_or_default()
            );
        }
        eventually("wharf answers", Duration::from_secs(30), || async move {
            client
                .get(url)
                .send()
                .await
                .ok()
                .filter(|answer| answer.status().is_success())
                .map(drop)
        })
        .await;
    }

    /// From now on its peak of memory is counted anew; answers what it has now, in bytes.
    pub fn forgets_peak_of_memory(&self) -> usize {
        fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").unwrap();
        self.memory("VmRSS:")
    }

    /// The most memory it had, in bytes.
    pub fn peak_of_memory(&self) -> usize {
        self.memory("VmHWM:")
    }

    fn pid(&self) -> u32 {
        let child = self.child.as_ref().expect("it was started");
        child.id().expect("it runs")
    }

    fn memory(&self, line: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let found = status.lines().find_map(|it| it.strip_prefix(line)).unwrap();
        found.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// Ends it as abruptly as a power cut.
    pub async fn is_killed(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.start_kill();
            child.wait().await.unwrap();
        }
    }

    /// Waits until it ends by itself, at a fail point.
    pub async fn ends(&mut self, deadline: Duration) -> bool {
        let child = self.child.as_mut().expect("it was started");
        let ended = tokio::time::timeout(deadline, child.wait()).await.is_ok();
        if ended {
            self.child = None;
        }
        ended
    }

    /// Stops it in the middle of whatever it does: connections stay open, and nothing is answered.
    pub async fn is_paused(&self) {
        signal(self.child.as_ref().expect("it was started"), "STOP").await;
    }

    /// Lets it go on after a pause.
    pub async fn goes_on(&self) {
        signal(self.child.as_ref().expect("it was started"), "CONT").await;
    }

    /// Asks it to stop. Does not wait.
    pub async fn is_asked_to_stop(&self) {
        signal(self.child.as_ref().expect("it was started"), "TERM").await;
    }

    /// Asks it to stop and waits.
    pub async fn stops(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(&child, "TERM").await;
            let status = tokio::time::timeout(Duration::from_mins(1), child.wait()).await;
            assert!(status.expect("it stops in time").unwrap().success());
        }
    }
}

async fn signal(child: &Child, name: &str) {
    let id = child.id().expect("it runs").to_string();
    let asked = Command::new("kill").arg(format!("-{name}")).arg(id).status().await;
    assert!(asked.unwrap().success());
}

/// What it logged last is what explains a failure.
impl Drop for Wharf {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = self.logs();
            // Whoever waits asks for metrics all the time.
            let lines: Vec<&str> = logs.lines().filter(|line| !line.contains("/metrics")).collect();
            println!(
                "wharf logged last:\n{}",
                lines[lines.len().saturating_sub(60)..].join("\n")
            );
        }
    }
}

//! A person with a browser: headless Chromium, driven through its `DevTools` protocol.
//!
//! Crates that speak that protocol bring thousands of generated lines, which take longer to build than wharf itself; what
//! is needed here is a socket and a dozen of its methods.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    sync::{mpsc, oneshot},
};
use tokio_tungstenite::tungstenite::Message;

use super::waiting::{SOON, eventually};

/// What is installed where Debian's package is.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Finds what a person would call a control by its words; in front of the page only what stands there.
const FIND: &str = r"
    const front = [...document.querySelectorAll('dialog[open]')].pop() ?? document;
    const nameOf = (element) => (element.getAttribute('aria-label') ?? element.innerText ?? '').trim();
    const named = (name) => {
        const all = [...front.querySelectorAll('button, a, summary, label')].filter((element) => element.checkVisibility());
        return all.find((element) => nameOf(element) === name) ?? all.find((element) => nameOf(element).startsWith(name));
    };
";

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>;

/// A browser with one page.
pub struct Browser {
    commands: mpsc::UnboundedSender<String>,
    waiting: Waiting,
    log: Arc<Mutex<Vec<String>>>,
    next: Mutex<u64>,
    base: String,
    _child: Child,
    _profile: TempDir,
}

impl Browser {
    /// Opens a browser; paths begin at `base`.
    pub async fn open(base: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let child = start(profile.path());
        let (commands, mut to_send) = mpsc::unbounded_channel::<String>();
        let address = page_address(profile.path()).await;
        let (socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
        let (mut outgoing, mut incoming) = socket.split();
        let (waiting, log) = (Waiting::default(), Arc::<Mutex<Vec<String>>>::default());
        tokio::spawn(async move {
            while let Some(text) = to_send.recv().await {
                if outgoing.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
        });
        let (answers, heard, asks) = (Arc::clone(&waiting), Arc::clone(&log), commands.clone());
        tokio::spawn(async move {
            while let Some(Ok(message)) = incoming.next().await {
                if let Message::Text(text) = message {
                    let message = serde_json::from_str(&text).unwrap();
                    if let Some(page) = empty_page(&message) {
                        let _ = asks.send(page.to_string());
                    }
                    take(&message, &answers, &heard);
                }
            }
        });
        let browser = Self {
            commands,
            waiting,
            log,
            next: Mutex::new(0),
            base: base.to_owned(),
            _child: child,
            _profile: profile,
        };
        for domain in ["Page", "Runtime", "Log", "Accessibility"] {
            browser.command(&format!("{domain}.enable"), json!({})).await;
        }
        browser.is_as_large_as(1280, 800).await;
        browser
    }

    /// One command of the protocol and its answer.
    pub async fn command(&self, method: &str, params: Value) -> Value {
        let id = {
            let mut next = self.next.lock().unwrap();
            *next += 1;
            *next
        };
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id, answer);
        let command = json!({ "id": id, "method": method, "params": params });
        self.commands.send(command.to_string()).unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(30), answered).await;
        let answer = answer.unwrap_or_else(|_| panic!("{method} is not answered")).unwrap();
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// What a script answers.
    pub async fn asks(&self, script: &str) -> Value {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let answer = self.command("Runtime.evaluate", params).await;
        assert!(answer.get("exceptionDetails").is_none(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }

    /// What a line in its console answers, typed by a person.
    pub async fn types_in_console(&self, line: &str) -> Value {
        let params = json!({
            "expression": line, "replMode": true, "awaitPromise": true, "returnByValue": true, "userGesture": true,
        });
        let answer = self.command("Runtime.evaluate", params).await;
        assert!(answer.get("exceptionDetails").is_none(), "{line}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Nothing is fetched any more: every page is there, and empty.
    pub async fn is_cut_off(&self) {
        self.command("Fetch.enable", json!({ "patterns": [{ "urlPattern": "*" }] }))
            .await;
    }

    /// The machine has this passkey, and somebody who confirms at once.
    pub async fn has_passkey(&self, rp_id: &str, id: &[u8], private_key: &[u8]) {
        self.command("WebAuthn.enable", json!({ "enableUI": false })).await;
        let options = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "automaticPresenceSimulation": true,
        });
        let made = self
            .command("WebAuthn.addVirtualAuthenticator", json!({ "options": options }))
            .await;
        let credential = json!({
            "credentialId": STANDARD.encode(id), "isResidentCredential": false, "rpId": rp_id,
            "privateKey": STANDARD.encode(private_key), "signCount": 1,
        });
        let params = json!({ "authenticatorId": made["authenticatorId"], "credential": credential });
        self.command("WebAuthn.addCredential", params).await;
    }

    /// Goes to a page.
    pub async fn goes_to(&self, path: &str) {
        let url = format!("{}{path}", self.base);
        self.command("Page.navigate", json!({ "url": url })).await;
        self.waits_for("document.readyState === 'complete'").await;
    }

    /// Waits until a condition of the page holds.
    pub async fn waits_for(&self, condition: &str) {
        eventually(&format!("the page is so that {condition}"), SOON, async || {
            let params = json!({ "expression": condition, "returnByValue": true });
            let answer = self.command("Runtime.evaluate", params).await;
            (answer["result"]["value"] == true).then_some(())
        })
        .await;
    }

    /// Waits until these words can be seen.
    pub async fn sees(&self, words: &str) {
        let condition = format!("document.body?.innerText.includes({})", json!(words));
        let seeing = eventually("it is to be seen", 2 * SOON, async || {
            let params = json!({ "expression": condition, "returnByValue": true });
            let answer = self.command("Runtime.evaluate", params).await;
            (answer["result"]["value"] == true).then_some(())
        });
        if tokio::time::timeout(SOON, seeing).await.is_err() {
            let shown = self.asks("document.body.innerText").await;
            panic!(
                "{words:?} is not to be seen in {shown}; the browser says {:?}",
                self.log()
            );
        }
    }

    /// Clicks with the mouse on what has this name.
    pub async fn clicks(&self, name: &str) {
        let find = format!(
            "(() => {{ {FIND} const found = named({}); if (!found || found.disabled) return null; \
             found.scrollIntoView({{ block: 'center' }}); const {{ left, top, width, height }} = found.getBoundingClientRect(); \
             return [left + width / 2, top + height / 2]; }})()",
            json!(name)
        );
        let place = eventually(&format!("{name:?} can be clicked"), SOON, async || {
            let place = self.asks(&find).await;
            (!place.is_null()).then_some(place)
        })
        .await;
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
            self.command("Input.dispatchMouseEvent", params).await;
        }
    }

    /// Writes into the control with this label.
    pub async fn fills(&self, label: &str, text: &str) {
        let focus = format!(
            "(() => {{ {FIND} const control = named({})?.control; control?.focus(); control?.select?.(); \
             return document.activeElement === control && !!control; }})()",
            json!(label)
        );
        self.waits_for(&focus).await;
        self.types(text).await;
    }

    /// Writes where the focus is.
    pub async fn types(&self, text: &str) {
        self.command("Input.insertText", json!({ "text": text })).await;
    }

    /// Presses a key: `Tab`, `Enter` or `Space`.
    pub async fn presses(&self, key: &str) {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            "Space" => ("Space", 32, " "),
            other => panic!("which key is {other}?"),
        };
        let key = if key == "Space" { " " } else { key };
        for kind in ["keyDown", "keyUp"] {
            let mut params = json!({ "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number });
            if kind == "keyDown" && !text.is_empty() {
                params["text"] = text.into();
            }
            self.command("Input.dispatchKeyEvent", params).await;
        }
    }

    /// Presses Tab until the focus is on what has this name.
    pub async fn tabs_to(&self, name: &str) {
        let script = "(() => { const it = document.activeElement; \
             return (it.getAttribute('aria-label') ?? it.labels?.[0]?.innerText ?? it.innerText ?? '').trim(); })()";
        let mut passed = Vec::new();
        for _ in 0..40 {
            self.presses("Tab").await;
            let focused = self.asks(script).await;
            if focused == name {
                return;
            }
            passed.push(focused);
        }
        panic!("Tab does not reach {name:?}, only {passed:?}");
    }

    /// Chooses a file for the control with this label.
    pub async fn chooses(&self, label: &str, file: &Path) {
        let find = format!("(() => {{ {FIND} return named({}).control; }})()", json!(label));
        let found = self.command("Runtime.evaluate", json!({ "expression": find })).await;
        let object = &found["result"]["objectId"];
        let params = json!({ "files": [file.to_str().unwrap()], "objectId": object });
        self.command("DOM.setFileInputFiles", params).await;
    }

    /// Makes the window so large.
    pub async fn is_as_large_as(&self, width: u32, height: u32) {
        let params = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.command("Emulation.setDeviceMetricsOverride", params).await;
    }

    /// Whether the system of the person is dark.
    pub async fn is_dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.command("Emulation.setEmulatedMedia", json!({ "features": features }))
            .await;
    }

    /// What the window shows, as PNG.
    pub async fn picture(&self) -> Vec<u8> {
        let answer = self.command("Page.captureScreenshot", json!({ "format": "png" })).await;
        STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    /// What the browser complained about so far: its log, and scripts that failed.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// What a screen reader would come across: role and name of each thing on the page.
    pub async fn hears(&self) -> Vec<(String, String)> {
        let tree = self.command("Accessibility.getFullAXTree", json!({})).await;
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        let nodes = tree["nodes"].as_array().unwrap();
        let heard = nodes.iter().filter(|node| node["ignored"] == false);
        heard.map(|node| (text(&node["role"]), text(&node["name"]))).collect()
    }
}

/// What is answered when a browser that is cut off fetches something.
fn empty_page(message: &Value) -> Option<Value> {
    if message["method"] != "Fetch.requestPaused" {
        return None;
    }
    let params = json!({
        "requestId": message["params"]["requestId"], "responseCode": 200,
        "responseHeaders": [{ "name": "content-type", "value": "text/html" }], "body": STANDARD.encode("<title>-</title>"),
    });
    // Nobody waits for what it answers.
    Some(json!({ "id": i32::MAX, "method": "Fetch.fulfillRequest", "params": params }))
}

fn take(message: &Value, answers: &Waiting, log: &Mutex<Vec<String>>) {
    if let Some(id) = message["id"].as_u64() {
        if let Some(answer) = answers.lock().unwrap().remove(&id) {
            let _ = answer.send(message.clone());
        }
        return;
    }
    let params = &message["params"];
    let said = match message["method"].as_str() {
        Some("Log.entryAdded") => params["entry"]["text"].to_string(),
        Some("Runtime.exceptionThrown") => params["exceptionDetails"].to_string(),
        Some("Runtime.consoleAPICalled") if params["type"] == "error" => params["args"].to_string(),
        _ => return,
    };
    log.lock().unwrap().push(said);
}

fn start(profile: &Path) -> Child {
    for name in NAMES {
        let mut command = Command::new(name);
        command
            .args([
                "--headless=new",
                "--remote-debugging-port=0",
                "--no-first-run",
                "--disable-gpu",
            ])
            .args([
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
            ])
            // Containers that run as root have no sandbox to give; the browser sees nothing but our own page.
            .args(["--no-sandbox", "--hide-scrollbars", "--lang=en-US"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if let Ok(child) = command.spawn() {
            return child;
        }
    }
    panic!("there is no Chromium here (Debian: apt-get install chromium); scripts/test installs it");
}

/// Where the one page can be spoken to.
async fn page_address(profile: &Path) -> String {
    let file = profile.join("DevToolsActivePort");
    let list = eventually("the browser listens", SOON, async || {
        let text = fs::read_to_string(&file).ok()?;
        let port = text.lines().next()?.to_owned();
        let list = reqwest::get(format!("http://127.0.0.1:{port}/json/list")).await.ok()?;
        let list: Value = list.json().await.ok()?;
        let pages = list.as_array()?;
        let page = pages.iter().find(|page| page["type"] == "page")?;
        Some(page["webSocketDebuggerUrl"].as_str()?.to_owned())
    });
    list.await
}

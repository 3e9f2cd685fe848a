//! The console at `/admin`, in the hands of a person: a real browser, a mouse, a keyboard, a phone that scans what the
//! screen shows.
//!
//! `WHARF_WRITE_SHOTS=1` also writes the pictures of `docs/console/`.

use std::path::Path;

use simulator::{Contact, Phone};

use crate::support::{
    browser::Browser,
    database::Engine,
    receiver::Receiver,
    rest::{CLIENT_ID, CLIENT_SECRET},
    waiting::eventually,
    world::{OWNER, World, gets},
};

/// Every page of the console.
const PAGES: [&str; 7] = ["devices", "link", "send", "webhooks", "live", "tokens", "credentials"];

/// Signs in as the super admin.
pub(super) async fn signs_in(browser: &Browser) {
    browser.goes_to("/admin").await;
    browser.fills("Client ID", CLIENT_ID).await;
    browser.fills("Client secret", CLIENT_SECRET).await;
    browser.clicks("Sign in").await;
    browser.sees("Sign out").await;
}

/// Makes a token and works with it.
pub(super) async fn creates_token(browser: &Browser) {
    browser.clicks("Create a token").await;
    browser.clicks("Create token").await;
    browser.clicks("Work with it now").await;
    browser.sees("No device yet").await;
}

/// The code in a picture of the screen, if it shows one.
pub(super) fn code_in(png: &[u8]) -> Option<String> {
    let picture = image::load_from_memory(png).unwrap().to_luma8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut reader = quircs::Quirc::default();
    let mut found = reader.identify(width, height, picture.as_raw());
    let code = found.next()?.ok()?.decode().ok()?;
    String::from_utf8(code.payload).ok()
}

/// Links a phone: it scans what the screen shows.
pub(super) async fn links_by_picture(browser: &Browser, phone: &Phone) {
    browser.clicks("Link a device").await;
    browser.sees("Scan this code.").await;
    eventually("the phone reads the screen", crate::support::waiting::SOON, || async {
        let code = code_in(&browser.picture().await)?;
        phone.scans(&code).ok()
    })
    .await;
    browser.sees("Connected").await;
}

/// Subscribes a receiver and waits until it stands in the list.
async fn adds_webhook(browser: &Browser, receiver: &Receiver) {
    browser.clicks("Webhooks").await;
    browser.fills("Address", receiver.url()).await;
    browser.clicks("Add webhook").await;
    browser.sees("It is shown this once.").await;
    browser.clicks("Done").await;
    browser.sees("Nothing was delivered yet.").await;
}

/// What the browser holds against the page: breaches of its policy, and scripts that failed.
pub(super) fn complaints(browser: &Browser) -> Vec<String> {
    let harmless = |line: &String| line.contains("Failed to load resource");
    browser.log().into_iter().filter(|line| !harmless(line)).collect()
}

on_both_engines! {
    /// From the sign-in form to a message in both directions, and out again.
    async fn a_person_links_a_phone_sends_and_sees_the_delivery(engine: Engine) {
        let world = World::start(engine).await;
        let browser = Browser::open(&world.wharf.url()).await;
        browser.goes_to("/admin").await;
        browser.fills("Client ID", CLIENT_ID).await;
        browser.fills("Client secret", "wrong").await;
        browser.clicks("Sign in").await;
        browser.sees("Invalid credentials").await;
        signs_in(&browser).await;
        browser.sees("Whom to work as?").await;
        creates_token(&browser).await;

        let phone = world.whatsapp.phone(OWNER, "Owner");
        links_by_picture(&browser, &phone).await;
        browser.sees("+1 555 000 9999").await;
        let receiver = Receiver::start().await;
        adds_webhook(&browser, &receiver).await;
        let ana = world.contact("15550001111", "Ana");
        ana.says(&phone, "hello");
        receiver.gets("hello").await;
        browser.sees("Delivered").await;

        browser.clicks("Send").await;
        browser.fills("To", "+1555000111 , +15550001111").await;
        browser.fills("Text", "Good morning").await;
        browser.clicks("Send message").await;
        gets(&ana, "Good morning").await;
        browser.sees("Sent").await;
        browser.sees("Nobody has WhatsApp under that number.").await;

        live_view(&browser, &phone, &ana).await;
        browser.clicks("Sign out").await;
        browser.sees("You are signed out.").await;
        browser.goes_to("/admin#/devices").await;
        browser.sees("Sign in to wharf").await;
        assert_eq!(complaints(&browser), Vec::<String>::new());
    }
}

/// What happens is seen at once, and the words only by those who ask for them.
async fn live_view(browser: &Browser, phone: &Phone, ana: &Contact) {
    browser.clicks("Live").await;
    browser.sees("Watching").await;
    ana.says(phone, "a word between us");
    browser.sees("Ana sent: text").await;
    browser.sees("Delivered to").await;
    assert_eq!(
        browser
            .asks("document.body.innerText.includes('a word between us')")
            .await,
        false
    );
    browser.clicks("Show the words of messages").await;
    browser.sees("Watching").await;
    browser.clicks("Clear").await;
    ana.says(phone, "for your eyes");
    browser.sees("for your eyes").await;
}

/// Nothing needs a mouse, the focus is where one looks, and everything that can be used has a name.
#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough_and_every_control_has_a_name() {
    let world = World::start(Engine::Sqlite).await;
    let browser = Browser::open(&world.wharf.url()).await;
    browser.goes_to("/admin").await;
    browser.waits_for("document.activeElement.name === 'username'").await;
    browser.types(CLIENT_ID).await;
    browser.tabs_to("Client secret").await;
    browser.types(CLIENT_SECRET).await;
    browser.presses("Enter").await;
    browser
        .waits_for("document.activeElement.innerText === 'Whom to work as?'")
        .await;

    browser.goes_to("/admin#/tokens").await;
    browser.sees("No token yet").await;
    browser.asks("document.activeElement.blur()").await;
    browser.tabs_to("Skip to content").await;
    browser.presses("Enter").await;
    browser.tabs_to("Create a token").await;
    browser.presses("Enter").await;
    browser.sees("Optional: Matrix users").await;
    assert_eq!(browser.asks("!!document.activeElement.closest('dialog')").await, true);
    browser.tabs_to("Cancel").await;
    browser.presses("Enter").await;
    browser
        .waits_for("document.activeElement.innerText === 'Create a token'")
        .await;

    creates_token(&browser).await;
    for page in PAGES {
        browser.asks(&format!("location.hash = '#/{page}'")).await;
        browser.waits_for("document.activeElement.tagName === 'H1'").await;
        let controls = ["button", "link", "textbox", "checkbox", "radio", "combobox", "switch"];
        for (role, name) in browser.hears().await {
            assert!(
                !controls.contains(&role.as_str()) || !name.is_empty(),
                "a {role} without a name on {page}"
            );
        }
    }
    assert_eq!(complaints(&browser), Vec::<String>::new());
}

on_both_engines! {
    /// WhatsApp asks for a passkey: a browser at its page answers the line that the console shows.
    async fn b80_a_passkey_is_answered_with_what_another_browser_says(engine: Engine) {
        let world = World::start(engine).await;
        let browser = Browser::open(&world.wharf.url()).await;
        signs_in(&browser).await;
        creates_token(&browser).await;
        let phone = world.whatsapp.phone(OWNER, "Owner");
        let passkey = phone.makes_passkey().unwrap();
        browser.clicks("Link a device").await;
        browser.sees("Scan this code.").await;
        eventually("the phone reads the screen", crate::support::waiting::SOON, || async {
            let code = code_in(&browser.picture().await)?;
            phone.scans_with_passkey(&code).ok()
        })
        .await;
        browser.sees("WhatsApp asks for the passkey of this account.").await;
        let line = browser.asks("document.querySelector('.secret').value").await;

        let whatsapp = Browser::open("https://web.whatsapp.com").await;
        whatsapp.is_cut_off().await;
        whatsapp.has_passkey("web.whatsapp.com", passkey.id(), passkey.private_key()).await;
        whatsapp.goes_to("/").await;
        let answer = whatsapp.types_in_console(line.as_str().unwrap()).await;

        browser.fills("Answer", "yes").await;
        browser.clicks("Send answer").await;
        browser.sees("this is no answer of a passkey").await;
        browser.fills("Answer", answer.as_str().unwrap()).await;
        browser.clicks("Send answer").await;
        browser.sees("Does the phone show this code?").await;
        let shown = browser.asks("document.querySelector('.code').innerText").await;
        assert_eq!(shown.as_str().map(str::to_owned), phone.passkey_code());
        browser.clicks("Yes, the same").await;
        browser.sees("Connected").await;
        assert_eq!(complaints(&browser), Vec::<String>::new());
    }
}

/// Linking by a code, on a phone's own screen; and no page is wider than that.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_linked_by_a_code_on_a_narrow_screen() {
    let world = World::start(Engine::Sqlite).await;
    let browser = Browser::open(&world.wharf.url()).await;
    browser.is_as_large_as(360, 740).await;
    signs_in(&browser).await;
    creates_token(&browser).await;
    let phone = world.whatsapp.phone(OWNER, "Owner");
    browser.clicks("Link a device").await;
    browser.sees("Scan this code.").await;
    browser.clicks("Type a code").await;
    browser.fills("Number of the phone", "+1 555 000 9999").await;
    browser.clicks("Get a code").await;
    browser.sees("Type this code into the phone.").await;
    let code = browser.asks("document.querySelector('.code').innerText").await;
    phone.types(code.as_str().unwrap()).await.unwrap();
    browser.sees("Connected").await;

    adds_webhook(&browser, &Receiver::start().await).await;
    for page in PAGES {
        browser.asks(&format!("location.hash = '#/{page}'")).await;
        browser
            .waits_for("document.activeElement.tagName === 'H1' && !document.querySelector('main [aria-busy]')")
            .await;
        let width = browser.asks("document.documentElement.scrollWidth").await;
        assert_eq!(width, 360, "{page} is wider than the screen");
    }
}

/// Texts whose colour is too close to what lies under them (WCAG 2.2, 1.4.3), with the ratio.
const FAINT: &str = r"(() => {
    const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const read = (color) => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = color;
        context.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], under) => [r, g, b].map((part, at) => part * a + under[at] * (1 - a));
    const under = (element) => {
        if (!element) return [255, 255, 255];
        const color = read(getComputedStyle(element).backgroundColor);
        return color[3] === 1 ? color.slice(0, 3) : over(color, under(element.parentElement));
    };
    const light = (color) => {
        const [r, g, b] = color.map((part) => part / 255).map((part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
    };
    const found = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        const words = texts.currentNode.data.trim();
        if (!words || !element.checkVisibility() || element.closest('script, noscript, .unseen, [disabled], [aria-hidden=true]')) continue;
        const ground = under(element);
        const [one, other] = [light(ground), light(over(read(getComputedStyle(element).color), ground))].sort((a, b) => b - a);
        const ratio = (one + .05) / (other + .05);
        if (ratio < 4.5) found.push(`${words}: ${ratio.toFixed(2)}`);
    }
    return found;
})()";

/// Controls of the page that Tab has to reach; of radio buttons one for each question.
const CONTROLS: &str = r"(() => {
    const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary')];
    const seen = all.filter((control) => !control.disabled && control.checkVisibility());
    return seen.filter((control) => control.type !== 'radio' || control.checked).length;
})()";

/// Every text stands out from its ground, light and dark, and Tab comes past everything that can be used.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_can_be_read_and_walked_through() {
    let world = World::start(Engine::Sqlite).await;
    let browser = Browser::open(&world.wharf.url()).await;
    browser.goes_to("/admin").await;
    browser.sees("Sign in to wharf").await;
    assert_eq!(browser.asks(FAINT).await, serde_json::json!([]), "signing in");
    signs_in(&browser).await;
    creates_token(&browser).await;
    links_by_picture(&browser, &world.whatsapp.phone(OWNER, "Owner")).await;
    adds_webhook(&browser, &Receiver::start().await).await;
    for page in PAGES {
        opens(&browser, page).await;
        for dark in [false, true] {
            browser.is_dark(dark).await;
            assert_eq!(browser.asks(FAINT).await, serde_json::json!([]), "{page}, dark: {dark}");
        }
        browser
            .asks("document.activeElement.blur(); window.reached = new Set(); scrollTo(0, 0)")
            .await;
        let all = browser.asks(CONTROLS).await.as_u64().unwrap();
        let mut reached = 0;
        // Some steps go to a part of a control (a date has several), or once around the window.
        for _ in 0..3 * all + 10 {
            browser.presses("Tab").await;
            let count = "document.activeElement.matches('a, button, input, select, textarea, summary') \
                         && reached.add(document.activeElement), reached.size";
            reached = browser.asks(count).await.as_u64().unwrap();
            if reached >= all {
                break;
            }
        }
        assert!(reached >= all, "Tab reaches {reached} of {all} on {page}");
    }
}

/// What a receiver refused for good is sent again with a button, under its old id.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_delivery_is_sent_again_with_a_button() {
    let world = World::start(Engine::Sqlite).await;
    let browser = Browser::open(&world.wharf.url()).await;
    signs_in(&browser).await;
    creates_token(&browser).await;
    let phone = world.whatsapp.phone(OWNER, "Owner");
    links_by_picture(&browser, &phone).await;
    let receiver = Receiver::start().await;
    adds_webhook(&browser, &receiver).await;
    receiver.answers(&[400]);
    world.contact("15550001111", "Ana").says(&phone, "again, please");
    browser.sees("receiver refused with status 400").await;
    browser.clicks("Redeliver").await;
    browser.sees("Delivered").await;
    let got = receiver.got();
    assert_eq!((got.len(), got[0].id()), (2, got[1].id()));
    browser.clicks("Active").await;
    browser.sees("Switched off").await;
}

/// The policy holds: what somebody manages to write into the page does not run.
#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_was_written_into_the_page_does_not_run() {
    let world = World::start(Engine::Sqlite).await;
    let browser = Browser::open(&world.wharf.url()).await;
    browser.goes_to("/admin").await;
    browser.sees("Sign in to wharf").await;
    let tried = "(() => { try { document.body.innerHTML += '<img src=x onerror=\"window.ran = 1\">'; return 'written'; } \
                 catch { return 'refused'; } })()";
    assert_eq!(browser.asks(tried).await, "refused");
    browser
        .asks("document.body.append(Object.assign(document.createElement('style'), { textContent: 'body { color: red }' }))")
        .await;
    eventually("the browser complains", crate::support::waiting::SOON, || async {
        let broken = |line: &String| line.contains("Content Security Policy");
        complaints(&browser).iter().any(broken).then_some(())
    })
    .await;
    assert_eq!(browser.asks("window.ran === undefined").await, true);
}

/// Writes a picture for the documents.
async fn shoots(browser: &Browser, name: &str) {
    // What moves has come to rest.
    browser.asks("document.getElementById('news').replaceChildren()").await;
    browser
        .asks("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        .await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/console/{name}.png"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, browser.picture().await).unwrap();
}

/// Opens a page and waits until it is filled.
async fn opens(browser: &Browser, page: &str) {
    browser.asks(&format!("location.hash = '#/{page}'")).await;
    browser
        .waits_for("document.activeElement.tagName === 'H1' && !document.querySelector('main [aria-busy]')")
        .await;
}

/// The pictures of the documents; only on request, since they differ each time.
#[tokio::test(flavor = "multi_thread")]
async fn the_pictures_of_the_documents() {
    if std::env::var_os("WHARF_WRITE_SHOTS").is_none() {
        return;
    }
    let world = World::start(Engine::Sqlite).await;
    let browser = Browser::open(&world.wharf.url()).await;
    browser.goes_to("/admin").await;
    browser.sees("Sign in to wharf").await;
    shoots(&browser, "sign-in").await;
    signs_in(&browser).await;
    creates_token(&browser).await;
    browser.clicks("Link a device").await;
    browser.sees("Scan this code.").await;
    shoots(&browser, "link").await;
    opens(&browser, "devices").await;
    let phone = world.whatsapp.phone(OWNER, "Owner");
    links_by_picture(&browser, &phone).await;
    let second = world.whatsapp.phone("15550008888", "Office");
    links_by_picture(&browser, &second).await;

    let receiver = Receiver::start().await;
    adds_webhook(&browser, &receiver).await;
    let (ana, ben) = (world.contact("15550001111", "Ana"), world.contact("15550002222", "Ben"));
    receiver.answers(&[200, 200, 400, 500]);
    for text in ["The boat leaves at nine.", "Bring the ropes, please.", "And a thermos."] {
        ana.says(&phone, text);
        receiver.gets(text).await;
    }
    ben.says(&phone, "Who has the key of the shed?");
    browser.sees("receiver answered with status 500").await;
    shoots(&browser, "webhooks").await;

    opens(&browser, "send").await;
    browser.fills("To", "+15550001111, +15550002222").await;
    browser
        .fills("Text", "We meet at the harbour at half past eight.")
        .await;
    browser.clicks("Send message").await;
    gets(&ben, "We meet at the harbour at half past eight.").await;
    browser
        .waits_for("document.querySelectorAll('.results .good').length === 2")
        .await;
    shoots(&browser, "send").await;

    opens(&browser, "live").await;
    browser.clicks("Show the words of messages").await;
    browser.sees("Watching").await;
    ana.says(&phone, "I am on my way.");
    browser.sees("I am on my way.").await;
    ben.says(&second, "The tide is early today.");
    browser.sees("The tide is early today.").await;
    browser.sees("Delivered to").await;
    shoots(&browser, "live").await;

    opens(&browser, "tokens").await;
    shoots(&browser, "tokens").await;
    opens(&browser, "credentials").await;
    browser.clicks("Create a credential").await;
    browser.fills("Client ID", "harbour-desk").await;
    browser
        .fills("Description", "Answers the questions of passengers")
        .await;
    browser.clicks("Create credential").await;
    browser.sees("harbour-desk is created").await;
    browser.clicks("Done").await;
    browser.sees("Answers the questions of passengers").await;
    shoots(&browser, "credentials").await;
    opens(&browser, "devices").await;
    browser.sees("Connected").await;
    shoots(&browser, "devices").await;
    browser.is_dark(true).await;
    shoots(&browser, "dark").await;
    browser.is_as_large_as(390, 844).await;
    shoots(&browser, "phone-dark").await;
    browser.is_dark(false).await;
    opens(&browser, "webhooks").await;
    browser.sees("Delivered").await;
    shoots(&browser, "phone").await;
}

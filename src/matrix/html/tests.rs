//! What Matrix clients send, what we send them, and what must hold for every text and every HTML.

use proptest::prelude::*;
use ruma::user_id;

use super::{write::seen, *};
use crate::model::markup::{self, Block, Inline};

fn html_of(text: &str) -> Option<String> {
    write(text, &[], &|_| None).formatted
}

/// A text to Matrix and back.
fn round_trip(text: &str) -> String {
    match html_of(text) {
        Some(html) => markup::write(&read(&html)),
        None => write(text, &[], &|_| None).body,
    }
}

#[test]
fn markup_becomes_html() {
    for (text, html) in [
        (
            "*b* _i_ ~s~ `c`",
            "<strong>b</strong> <em>i</em> <del>s</del> <code>c</code>",
        ),
        ("*b*\n\nx", "<strong>b</strong><br><br>x"),
        ("> q\n> *r*\nx", "<blockquote>q<br><strong>r</strong></blockquote>x"),
        ("x\n\n> q", "x<br><br><blockquote>q</blockquote>"),
        (
            "- a\n- b\n3. c",
            "<ul><li>a</li><li>b</li></ul><ol start=\"3\"><li>c</li></ol>",
        ),
        ("```a\n  <b>```", "<pre><code>a\n  &lt;b&gt;</code></pre>"),
        ("*a   b* ", "<strong>a &nbsp;&nbsp;b</strong>&nbsp;"),
        ("*\"&'<*", "<strong>&quot;&amp;&#39;&lt;</strong>"),
    ] {
        assert_eq!(html_of(text).as_deref(), Some(html), "{text:?}");
        assert_eq!(
            markup::write(&read(html)).replace('\n', ""),
            text.replace('\n', ""),
            "{html:?}"
        );
    }
    for plain in ["hello", "2*3*4", "https://x.test/_a_", "a\n\nb", "<b>a</b>"] {
        assert_eq!(html_of(plain), None, "{plain:?}");
    }
}

/// B02: taken from what Element Web and X, nheko, `FluffyChat` and Cinny send.
#[test]
fn html_of_clients_becomes_markup() {
    for (html, text) in [
        (
            "<strong>b</strong> <em>i</em> <del>s</del> <u>u</u> <code>c</code>",
            "*b* _i_ ~s~ u `c`",
        ),
        ("<b>b</b> <i>i</i> <s>s</s> <strike>t</strike>", "*b* _i_ ~s~ ~t~"),
        ("<p>one<br />\ntwo</p>\n<p>three</p>\n", "one\ntwo\n\nthree"),
        (
            "<blockquote>\n<p>quoted<br>\nmore</p>\n</blockquote>\n<p>mine</p>\n",
            "> quoted\n> more\nmine",
        ),
        ("<blockquote><blockquote>a</blockquote>b</blockquote>", "> > a\n> b"),
        (
            "<ul>\n<li>a</li>\n<li>b\n<ul>\n<li>c</li>\n</ul>\n</li>\n<li>d</li>\n</ul>\n",
            "- a\n- b\n  - c\n- d",
        ),
        (
            "<ol start=\"3\">\n<li>\n<p>a</p>\n</li>\n<li>b<br>c</li>\n</ol>",
            "3. a\n4. b\n  c",
        ),
        ("<ol><li>a<ol><li>b</li></ol></li><li>c</li></ol>", "1. a\n  1. b\n2. c"),
        (
            "<pre><code class=\"language-rust\">fn a() {\n    *b;\n}\n</code></pre>\n<p>x</p>",
            "```\nfn a() {\n    *b;\n}\n```\nx",
        ),
        ("<h1>Title <em>a</em></h1>\n<p>text</p>", "*Title _a_*\n\ntext"),
        ("<a href=\"https://x.test/\">here</a>.", "here (https://x.test/)."),
        (
            "<a href=\"https://x.test/a_b\">https://x.test/a_b</a>",
            "https://x.test/a_b",
        ),
        ("<a href=\"https://x.test/\">x.test</a>", "x.test"),
        ("<a href=\"javascript:x\">here</a>", "here"),
        (
            "<a href=\"https://matrix.to/#/#room:hs.test\">#room:hs.test</a>",
            "#room:hs.test",
        ),
        ("<a href=\"https://matrix.to/#/@bob:hs.test\">Bob</a>: hi", "Bob: hi"),
        (
            "a <span data-mx-spoiler=\"the end\">he <b>dies</b></span>",
            "a (spoiler: the end) he *dies*",
        ),
        ("<span data-mx-spoiler>x</span>", "(spoiler) x"),
        ("<details><summary>More</summary>inside</details>", "More\ninside"),
        (
            "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>",
            "a | b\n1 | 2",
        ),
        (
            "hi <img data-mx-emoticon src=\"mxc://a/b\" alt=\":blob:\" title=\":blob:\" />",
            "hi :blob:",
        ),
        ("a<hr>b", "a\n---\nb"),
        ("<font color=\"#f00\" data-mx-color=\"#f00\">red</font>", "red"),
        (
            "<mx-reply><blockquote><a href=\"x\">In reply to</a><br>old</blockquote></mx-reply>new",
            "new",
        ),
        (
            "<custom>a &amp; b&nbsp;&lt;</custom><script>alert('<b>')</script><!-- c -->",
            "a & b <",
        ),
        ("  a \n  <b> b </b>c", "a *b* c"),
        ("<b>a<br>b</b>", "*a*\n*b*"),
        ("<b>a<p>b</p></b>c", "*a*\n\n*b*\n\nc"),
        ("<b><i>a</b>b</i>", "ab"),
        ("<blockquote><p>a</p><p>b</p></blockquote>", "> a\n> b"),
        ("<b>un</b>believable", "unbelievable"),
        ("<strong><strong>a</strong> b</strong>", "*a b*"),
        (
            "<blockquote><ul><li>a</li></ul><pre><code>b\n c</code></pre></blockquote>",
            "> - a\n> `b`\n>  `c`",
        ),
        ("\\*literal\\* 2*3*4 *not bold*", "\\*literal\\* 2*3*4 *not bold*"),
    ] {
        assert_eq!(markup::write(&read(html)), text, "{html:?}");
    }
}

/// Spaces that HTML would fold, or that make no list on WhatsApp, must not become plain ones on the way.
#[test]
fn spaces_stay_what_they_are() {
    for (text, back) in [
        ("*a*  b ", "*a*  b "),
        ("  - a *b*", "  - a *b*"),
        ("> *\n*\u{a0}*", "> *\n*\u{202f}*"),
        ("`a`\n*\tb", "`a`\n*\u{2003}b"),
        ("*a*\r\nb", "*a*\u{2003}\nb"),
        ("```a\tb\u{a0}c```", "```a\tb\u{a0}c```"),
    ] {
        assert_eq!(round_trip(text), back, "{text:?}");
        assert_eq!(round_trip(back), back, "{back:?}");
    }
}

/// WhatsApp has no escape: in these the marks that HTML would be written back with are read as others.
#[test]
fn what_would_not_come_back_as_itself_is_shown_as_it_was_typed() {
    for text in [
        "*``` <b>```",
        "```\n```> ``````\n",
        "```\n```<b>``````\n",
        "```\n```a``````",
        "b````\r\n```",
    ] {
        assert_eq!(html_of(text), None, "{text:?}");
        assert_eq!(round_trip(text), text);
    }
    let ana = Pill {
        user: user_id!("@whatsapp_1:hs.test").to_owned(),
        name: "Ana".into(),
    };
    let written = write("*``` @1``` @1", &["@1"], &|_| Some(ana.clone()));
    let pill = "<a href=\"https://matrix.to/#/@whatsapp_1:hs.test\">Ana</a>";
    assert_eq!(written.body, "*``` @1``` Ana");
    assert_eq!(written.formatted, Some(format!("*``` @1``` {pill}")));
}

#[test]
fn pills_of_people_are_mentions_of_them() {
    for href in [
        "https://matrix.to/#/@bob:hs.test",
        "https://matrix.to/#/%40bob%3Ahs.test",
        "matrix:u/bob:hs.test",
    ] {
        let Block::Paragraph(lines) = &read(&format!("<p><a href=\"{href}\">Bob</a></p>"))[0] else {
            panic!("{href}");
        };
        let Inline::Mention(mention) = &lines[0][0] else {
            panic!("{href}: {lines:?}");
        };
        assert_eq!(
            (mention.token.as_str(), mention.label.as_str()),
            ("@bob:hs.test", "Bob")
        );
    }
}

#[test]
fn mentions_become_pills_once_for_each_person() {
    let ana = Pill {
        user: user_id!("@whatsapp_1:hs.test").to_owned(),
        name: "Ana <3".into(),
    };
    let (text, mentions) = ("@1 and *@1*, @2", ["@1", "@2"]);
    let written = write(text, &mentions, &|token| (token == "@1").then(|| ana.clone()));
    assert_eq!(written.body, "Ana <3 and *Ana <3*, @2");
    let pill = "<a href=\"https://matrix.to/#/@whatsapp_1:hs.test\">Ana &lt;3</a>";
    assert_eq!(
        written.formatted,
        Some(format!("{pill} and <strong>{pill}</strong>, @2"))
    );
    assert_eq!(written.mentioned, [ana.user]);
    assert_eq!(
        write(text, &mentions, &|_| None).formatted.as_deref(),
        Some("@1 and <strong>@1</strong>, @2")
    );
}

/// 64 Ki of what makes trees deep or large: the text is never much longer than the HTML.
#[test]
fn hostile_html_stays_as_long_as_it_is() {
    for piece in [
        "<b>",
        "<b><i>",
        "<div>",
        "<blockquote>",
        "<blockquote>a",
        "<ul><li>",
        "<ul><li>a",
        "<ol><li>a<br>",
        "<a href=x>",
        "<br>",
        "<p>",
        "<p>a",
        "<font color=a><p>",
        "<table><tr><td>",
        "</b>",
        "<pre>",
        "<code>`",
        "<",
        "&",
        "&amp;",
        "<!--",
        "<mx-reply>",
        "<script>",
        "<b>a<br>",
        "<a href=https://x.test>a<br>",
        "<h1>a",
        "<i a=1><b b=2>",
    ] {
        let html = piece.repeat(65_536 / piece.len());
        let text = markup::write(&read(&html));
        assert!(text.len() <= 4 * html.len(), "{piece:?} grew to {}", text.len());
    }
    let attributes: String = (0..9000)
        .flat_map(|number| [" a".to_owned(), number.to_string()])
        .collect();
    assert_eq!(markup::write(&read(&format!("<b{attributes}>x</b>"))), "*x*");
}

/// 64 Ki of what makes naive readers slow, there and back and there again: it takes as long as any other text.
#[test]
fn hostile_texts_are_shown_in_time() {
    for piece in [
        "*", "*a ", "*a*", "_*a*_ ", "`a` ", "```\n", "``` a\n", "> *a*\n", "- *a*\n", "1. `a`\n", "\n",
    ] {
        let text = piece.repeat(65_536 / piece.len());
        let written = write(&text, &[], &|_| None);
        assert_eq!(written.body, text);
        assert!(
            written.formatted.is_none_or(|html| html.len() <= 16 * text.len()),
            "{piece:?}"
        );
    }
}

fn html() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<b>",
        "</b>",
        "<i>",
        "</i>",
        "<code>",
        "</code>",
        "<pre>",
        "</pre>",
        "<p>",
        "</p>",
        "<br>",
        "<blockquote>",
        "</blockquote>",
        "<ul>",
        "</ul>",
        "<ol start=2>",
        "</ol>",
        "<li>",
        "</li>",
        "<a href=\"https://x.test\">",
        "</a>",
        "<table>",
        "<tr>",
        "<td>",
        "<mx-reply>",
        "</mx-reply>",
        "<h1>",
        "</h1>",
        "*",
        "_",
        "`",
        "a",
        "b",
        " ",
        "\n",
        "&lt;",
        "<",
        "\"",
        "&nbsp;",
        "> ",
        "- ",
        "<a href=\"https://matrix.to/#/@a:b\">",
        "<span data-mx-spoiler=x>",
        "</span>",
        "<!--",
        "\0",
    ]);
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_round_trip_loses_no_character_that_people_see(text in markup::tests::texts()) {
        let once = round_trip(&text);
        prop_assert_eq!(seen(&markup::parse(&once, &[])), seen(&markup::parse(&text, &[])));
    }

    #[test]
    fn a_second_round_trip_changes_nothing(text in markup::tests::texts()) {
        let once = round_trip(&text);
        prop_assert_eq!(round_trip(&once), once);
    }

    #[test]
    fn what_people_write_is_never_html(text in "[<>&\"'a*_ \n/=]{0,40}") {
        if let Some(html) = html_of(&text) {
            let mut rest = html.as_str();
            while let Some((before, after)) = rest.split_once('<') {
                prop_assert!(!before.contains(['>', '"', '\'']));
                let (tag, after) = after.split_once('>').unwrap();
                let known = ["strong", "em", "del", "code", "pre", "br", "blockquote", "ul", "ol", "li"];
                prop_assert!(known.contains(&tag.trim_start_matches('/')), "{}", tag);
                rest = after;
            }
            prop_assert!(!rest.contains(['>', '"', '\'']));
        }
    }

    #[test]
    fn no_html_breaks_the_reader(html in html(), letters in any::<String>()) {
        let text = markup::write(&read(&html));
        prop_assert!(text.chars().filter(|c| *c == 'b').count() <= html.chars().filter(|c| "bh".contains(*c)).count());
        read(&letters);
    }
}

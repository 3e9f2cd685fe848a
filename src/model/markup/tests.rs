//! The rules of WhatsApp, one by one, and what must hold for every text.

use proptest::prelude::*;

use super::*;

/// A tree in short: `B(..)`, `I(..)`, `S(..)`, `C(..)`, `L(..)`, `M(..)`; `Q[..]`, `U[..]`, `3[..]`, `P(..)`; lines end with `/`.
fn short(blocks: &[Block]) -> String {
    let lines = |lines: &[Line]| lines.iter().map(|line| short_line(line)).collect::<Vec<_>>().join("/");
    let block = |block: &Block| match block {
        Block::Paragraph(content) => lines(content),
        Block::Quote(content) => format!("Q[{}]", lines(content)),
        Block::List { start: None, items } => format!("U[{}]", lines(items)),
        Block::List {
            start: Some(start),
            items,
        } => format!("{start}[{}]", lines(items)),
        Block::Preformatted(code) => format!("P({code})"),
    };
    blocks.iter().map(block).collect::<Vec<_>>().join(" ")
}

fn short_line(line: &[Inline]) -> String {
    line.iter()
        .map(|inline| match inline {
            Inline::Text(text) => text.clone(),
            Inline::Styled(Style::Bold, inside) => format!("B({})", short_line(inside)),
            Inline::Styled(Style::Italic, inside) => format!("I({})", short_line(inside)),
            Inline::Styled(Style::Strike, inside) => format!("S({})", short_line(inside)),
            Inline::Code(code) => format!("C({code})"),
            Inline::Link(address) => format!("L({address})"),
            Inline::Mention(mention) => format!("M({})", mention.token),
        })
        .collect()
}

#[track_caller]
fn assert_read(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let blocks = parse(text, &["@15550001111", "@lid_42"]);
        assert_eq!(short(&blocks), *expected, "{text:?}");
    }
}

#[test]
fn delimiters_surround_words() {
    assert_read(&[
        ("*bold*", "B(bold)"),
        ("_italic_ and ~strike~.", "I(italic) and S(strike)."),
        ("(*a b*)!", "(B(a b))!"),
        ("*a* *b*", "B(a) B(b)"),
        ("*a**b*", "B(a)B(b)"),
        ("**a**", "*B(a)*"),
        ("*é*", "B(é)"),
    ]);
}

#[test]
fn delimiters_within_words_and_beside_spaces_are_letters() {
    assert_read(&[
        ("2*3*4", "2*3*4"),
        ("snake_case_name", "snake_case_name"),
        ("é*a*", "é*a*"),
        ("*un*believable", "*un*believable"),
        ("* a*", "U[a*]"),
        ("x * a *", "x * a *"),
        ("*a *", "*a *"),
        ("**", "**"),
        ("***", "***"),
        ("*", "*"),
        ("*a", "*a"),
        ("a*", "a*"),
        ("*a b* c*", "B(a b) c*"),
        ("*2*3*", "B(2*3)"),
    ]);
}

#[test]
fn styles_stand_within_each_other_and_never_cross() {
    assert_read(&[
        ("*a _b ~c~_*", "B(a I(b S(c)))"),
        ("_*a*_", "I(B(a))"),
        ("*a _b* c_", "B(a _b) c_"),
        ("_a *b*", "_a B(b)"),
        ("*a\nb*", "*a/b*"),
    ]);
}

#[test]
fn in_code_nothing_is_markup() {
    assert_read(&[
        ("`*a*` b", "C(*a*) b"),
        ("*`a`*", "B(C(a))"),
        ("` a`", "` a`"),
        ("a`b`", "a`b`"),
        ("``", "``"),
        ("`a", "`a"),
        ("x ```*a* `b` ``` y", "x C(*a* `b`)  y"),
        ("```*a*```", "P(*a*)"),
        ("```\nfn a() {\n  *b*\n}\n```", "P(fn a() {\n  *b*\n})"),
        ("a ```b\nc``` d", "a  P(b\nc)  d"),
        ("```a\nb", "```a/b"),
        ("``````", "``````"),
        ("``` ```a", "``` ```a"),
    ]);
}

#[test]
fn quotes_and_lists_begin_at_the_start_of_a_line() {
    assert_read(&[
        ("> a *b*\n> c\nd", "Q[a B(b)/c] d"),
        (">a", ">a"),
        ("> ", "> "),
        ("a > b", "a > b"),
        ("- a\n* b\n- _c_", "U[a/b/I(c)]"),
        ("-a\n *b", "-a/ *b"),
        ("1. a\n2. b\n5. c", "1[a/b] 5[c]"),
        ("1.a\n1) b\n01. c", "1.a/1) b/01. c"),
        ("1234567890. a", "1234567890. a"),
        ("> - a", "Q[- a]"),
        ("a\n\n- b\n\nc\n", "a/ U[b] /c/"),
    ]);
}

#[test]
fn in_addresses_nothing_is_markup() {
    assert_read(&[
        ("https://x.test/a_b_c", "L(https://x.test/a_b_c)"),
        ("_https://x.test/_a_/b_.", "I(L(https://x.test/_a_/b))."),
        ("see HTTP://x.test/*a*, *b*", "see L(HTTP://x.test/*a)*, B(b)"),
        ("https:// *a*", "https:// B(a)"),
        ("xhttps://a_b_", "xhttps://a_b_"),
    ]);
}

#[test]
fn only_listed_tokens_are_mentions() {
    assert_read(&[
        ("@15550001111!", "M(@15550001111)!"),
        ("*@lid_42*", "B(M(@lid_42))"),
        ("_@15550001111_", "I(M(@15550001111))"),
        (
            "@15550002222 a@15550001111 `@lid_42`",
            "@15550002222 a@15550001111 C(@lid_42)",
        ),
        ("@155500011112", "@155500011112"),
    ]);
}

#[test]
fn marks_that_would_be_letters_are_left_out() {
    let text = |text: &str| Inline::Text(text.into());
    let bold = |line: Line| Inline::Styled(Style::Bold, line);
    for (line, expected) in [
        (vec![bold(vec![text("un")]), text("believable")], "unbelievable"),
        (vec![text("a"), Inline::Code("b".into())], "a```b```"),
        (vec![Inline::Code("a`b".into())], "```a`b```"),
        (vec![Inline::Code("a```b".into())], "a```b"),
        (vec![bold(vec![text("a* b")])], "a* b"),
        (vec![bold(vec![text("a")]), bold(vec![text("b")])], "*a**b*"),
        (
            vec![bold(vec![Inline::Styled(Style::Italic, vec![text("a")])]), text("b")],
            "ab",
        ),
    ] {
        assert_eq!(write(&[Block::Paragraph(vec![line])]), expected);
    }
}

#[test]
fn blocks_that_would_be_read_as_one_are_kept_apart() {
    let line = |text: &str| vec![vec![Inline::Text(text.into())]];
    let list = |start, text: &str| Block::List {
        start,
        items: line(text),
    };
    for (blocks, expected) in [
        (vec![Block::Paragraph(line("a")), Block::Paragraph(line("b"))], "a\n\nb"),
        (vec![Block::Quote(line("a")), Block::Quote(line("b"))], "> a\n\n> b"),
        (vec![list(None, "a"), list(None, "b")], "- a\n\n- b"),
        (vec![list(Some(1), "a"), list(Some(1), "b")], "1. a\n1. b"),
        (vec![Block::Paragraph(line("a")), list(Some(3), "b")], "a\n3. b"),
    ] {
        assert_eq!(write(&blocks), expected);
    }
}

/// 64 Ki of what makes naive readers slow: each takes as long as any other text of this length.
#[test]
fn hostile_texts_are_read_in_one_pass() {
    for piece in [
        "*",
        "_*~",
        "*a ",
        "*a",
        "a* ",
        "`",
        "```",
        "``` ",
        "```\n",
        "`a",
        "> ",
        "> *a\n",
        "- ",
        "- a\n",
        "1. a\n",
        "@",
        "https://",
        "https://*",
        "*_~a",
        "*a _b ~c ",
        "a* b_ c~ ",
        "``` a\n",
        "\n",
        "****a",
    ] {
        let text = piece.repeat(65_536 / piece.len());
        let written = write(&parse(&text, &["@1"]));
        assert!(written.len() <= text.len() + 16, "{piece:?} grew to {}", written.len());
    }
}

/// Texts in which markup is likely.
pub(crate) fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "*", "_", "~", "`", "```", "> ", "- ", "* ", "1. ", "2. ", "\n", " ", "a", "b", "é", "\u{a0}", "\t", "\r\n",
            "<b>", "&amp;", "https://x.test/a_b", ".", "@15550001111", "  ",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,3}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Every letter of a tree, in order, without its marks.
fn letters_of(line: &[Inline]) -> String {
    line.iter()
        .map(|inline| match inline {
            Inline::Text(text) | Inline::Code(text) | Inline::Link(text) => text.clone(),
            Inline::Styled(_, inside) => letters_of(inside),
            Inline::Mention(mention) => mention.label.clone(),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_letter_of_a_tree_is_written(text in texts()) {
        let blocks = parse(&text, &[]);
        let written = write(&blocks);
        let mut rest = written.chars();
        for block in &blocks {
            let letters = match block {
                Block::Paragraph(lines) | Block::Quote(lines) | Block::List { items: lines, .. } => {
                    lines.iter().map(|line| letters_of(line)).collect::<String>()
                }
                Block::Preformatted(code) => code.clone(),
            };
            for letter in letters.chars() {
                prop_assert!(rest.any(|one| one == letter), "{:?} of {:?} in {:?}", letter, text, written);
            }
        }
    }

    #[test]
    fn a_text_in_which_nothing_is_markup_is_written_as_it_is(text in texts()) {
        prop_assert_eq!(write(&parse_plain(&text, &[])), text);
    }

    #[test]
    fn words_without_markup_come_out_as_they_are(text in "[a-z .\n]{0,60}") {
        prop_assert_eq!(write(&parse(&text, &[])), text);
    }

    #[test]
    fn no_text_breaks_the_parser(text in any::<String>()) {
        write(&parse(&text, &["@1"]));
    }
}

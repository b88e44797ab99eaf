//! A letter as it is read: a subject, plain text, and HTML that says the same.
//!
//! The HTML is one column of at most 560 px with its styles beside its text, as mail programs want it. It loads
//! nothing. What people typed is one line of text wherever it stands, so it can neither end a header nor begin a
//! paragraph of its own.

use super::Letter;

pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Longest subject, in characters; mail programs show fewer.
const MAX_SUBJECT: usize = 200;

/// `brand` is the platform's name, `home` the portal's address.
pub fn render(letter: &Letter, brand: &str, home: &str) -> Rendered {
    let brand = one_line(brand);
    let subject = one_line(&letter.subject)
        .chars()
        .take(MAX_SUBJECT)
        .collect::<String>();
    let lines = |paragraphs: &[String]| -> Vec<String> {
        paragraphs
            .iter()
            .map(|text| one_line(text))
            .filter(|text| !text.is_empty())
            .collect()
    };
    let (before, after) = (lines(&letter.text), lines(&letter.after));
    let button = letter
        .button
        .as_ref()
        .map(|(words, link)| (one_line(words), one_line(link)));
    let sender = format!("Sent by {brand}, {home}");

    let mut text = vec![brand.clone()];
    text.extend(before.iter().cloned());
    text.extend(
        button
            .iter()
            .map(|(words, link)| format!("{words}:\n{link}")),
    );
    text.extend(after.iter().cloned());
    text.push(sender.clone());

    let paragraph = |text: &String| format!("<p style=\"margin:0 0 16px\">{}</p>\n", escaped(text));
    let mut body: String = before.iter().map(paragraph).collect();
    if let Some((words, link)) = button {
        let (words, link) = (escaped(&words), escaped(&link));
        body.extend([
            format!(
                "<p style=\"margin:24px 0 16px\"><a href=\"{link}\" style=\"{BUTTON}\">{words}</a></p>\n"
            ),
            format!("<p style=\"margin:0 0 24px;{SMALL}\">The button opens {link}</p>\n"),
        ]);
    }
    body.extend(after.iter().map(paragraph));
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light\">\n<title>{title}</title>\n</head>\n\
         <body style=\"margin:0;padding:0;background:#f8f8f5\">\n\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">\
         <tr><td align=\"center\" style=\"padding:24px 16px\">\n\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"{CARD}\">\
         <tr><td style=\"{TEXT}\">\n\
         <p style=\"margin:0 0 16px;font-weight:600\">{name}</p>\n\
         {body}\
         <p style=\"margin:24px 0 0;padding-top:16px;border-top:1px solid #e1e0db;{SMALL}\">{foot}</p>\n\
         </td></tr></table>\n</td></tr></table>\n</body>\n</html>\n",
        title = escaped(&subject),
        name = escaped(&brand),
        foot = escaped(&sender),
    );
    Rendered {
        subject,
        text: format!("{}\n", text.join("\n\n")),
        html,
    }
}

// The portal's light colours (style/tokens.css): mail programs know no variables.
const CARD: &str = "max-width:560px;background:#fefefc;border:1px solid #e1e0db;border-radius:10px;border-collapse:separate";
const TEXT: &str = "padding:24px;font-family:Inter,Arial,Helvetica,sans-serif;font-size:15px;line-height:24px;\
                    color:#1d1c18;text-align:left;overflow-wrap:anywhere;word-break:break-word";
const SMALL: &str = "font-size:13px;line-height:20px;color:#51504a";
const BUTTON: &str = "display:inline-block;padding:10px 18px;background:#23221c;color:#fbfaf8;font-weight:600;\
                      text-decoration:none;border-radius:6px";

/// The text without anything that ends a line, steers the terminal or turns the direction of what follows.
pub fn one_line(text: &str) -> String {
    let visible: String = text
        .chars()
        .filter_map(|c| match c {
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
            '\u{2028}' | '\u{2029}' => Some(' '),
            c if c.is_control() => Some(' '),
            c => Some(c),
        })
        .collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Letter, one_line, render};

    fn letter() -> Letter {
        Letter {
            to: "ada@example.com".to_owned(),
            user_id: None,
            subject: "Confirm your address".to_owned(),
            text: vec!["Somebody signed up with this address.".to_owned()],
            button: Some((
                "Confirm address".to_owned(),
                "https://portal.example/verify?token=abc&x=1".to_owned(),
            )),
            after: vec!["The link works until 14:02 UTC.".to_owned()],
        }
    }

    #[test]
    fn text_and_html_say_the_same() {
        let rendered = render(&letter(), "RevKeen", "https://portal.example");
        for part in [
            "RevKeen",
            "Somebody signed up with this address.",
            "Confirm address",
            "The link works until 14:02 UTC.",
            "Sent by RevKeen, https://portal.example",
        ] {
            assert!(rendered.text.contains(part), "{part}: {}", rendered.text);
            assert!(rendered.html.contains(part), "{part}: {}", rendered.html);
        }
        assert!(
            rendered
                .text
                .contains("Confirm address:\nhttps://portal.example/verify?token=abc&x=1\n")
        );
        let link = "<a href=\"https://portal.example/verify?token=abc&amp;x=1\"";
        assert_eq!(rendered.html.matches("<a ").count(), 1);
        assert!(rendered.html.contains(link));
        for word in [
            "<img", "<script", "src=", "url(", "@import", "<link", "<form",
        ] {
            assert!(!rendered.html.contains(word), "{word}");
        }
    }

    #[test]
    fn what_people_typed_is_text_and_one_line() {
        let mut letter = letter();
        letter.subject =
            "Bo\r\nBcc: everybody@example.com\r\n\r\n<b>invited</b> \u{202e}you\u{2028}now\0"
                .to_owned();
        letter.text =
            vec!["<script>alert(1)</script> & \"Acme\"\n\nClick https://evil.example".to_owned()];
        letter.button = Some((
            "Open \"><img src=x>".to_owned(),
            "https://portal.example/\" onclick=\"x".to_owned(),
        ));
        let rendered = render(&letter, "Rev\nKeen <x>", "https://portal.example");
        assert_eq!(
            rendered.subject,
            "Bo Bcc: everybody@example.com <b>invited</b> you now"
        );
        assert!(
            rendered
                .html
                .contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;Acme&quot; Click")
        );
        for word in ["<script", "<img", "<b>", "\" onclick=\"", "<x>"] {
            assert!(!rendered.html.contains(word), "{word}");
        }
        assert!(
            rendered
                .text
                .contains("\"Acme\" Click https://evil.example\n")
        );
    }

    #[test]
    fn a_long_subject_is_cut_and_an_empty_paragraph_left_out() {
        let mut letter = letter();
        letter.subject = "\u{e4}".repeat(500);
        letter.text = vec![" \r\n ".to_owned()];
        let rendered = render(&letter, "RevKeen", "https://portal.example");
        assert_eq!(rendered.subject.chars().count(), 200);
        assert!(rendered.text.starts_with("RevKeen\n\nConfirm address:"));
        assert_eq!(one_line("  a \t b\u{7f}c "), "a b c");
    }
}

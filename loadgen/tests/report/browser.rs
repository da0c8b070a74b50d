//! The pages in headless Chromium: both widths, light and dark. Everything that the browser fetches comes through a proxy
//! that is this test, so a page that fetched anything would be seen.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::{env, thread};

use serde_json::Value;

/// Its host; no such name exists.
const HOST: &str = "http://pages.invalid/";
/// The browser asks its maker for the time and for accounts, whatever is opened; no page of ours has these names in it.
const OWN_HOSTS: [&str; 3] = ["google.com", "googleapis.com", "gstatic.com"];
/// Seconds until the browser is ended.
const PATIENCE_S: &str = "120";

/// Opens each page in a frame of each width, and writes down what is to be seen there.
const HARNESS: &str = r#"<!DOCTYPE html><html><head><link rel="icon" href="data:,"><title>wait</title></head><body><pre id="out"></pre><script>
const look = (frame, name, width) => {
  const document = frame.contentDocument, style = frame.contentWindow.getComputedStyle;
  const plots = [...document.querySelectorAll("svg.plot")].map(svg => {
    const box = svg.getBoundingClientRect();
    return { kind: svg.classList[1], width: box.width, height: box.height, parts: svg.querySelectorAll("polyline,circle,line,rect").length };
  });
  const line = document.querySelector('.plot [stroke="LINE"]');
  return {
    name, width, plots, overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    first: document.body.firstElementChild.className,
    verdict: document.querySelector(".word").textContent.trim(),
    ground: style(document.body).backgroundColor, line: line && style(line).stroke,
  };
};
const open = (name, width) => new Promise(done => {
  const frame = document.createElement("iframe");
  frame.style = `width:${width}px;height:900px;border:0`;
  frame.onload = () => { done(look(frame, name, width)); };
  frame.src = name;
  document.body.append(frame);
});
(async () => {
  const seen = [];
  for (const name of NAMES) for (const width of [360, 1280]) seen.push(await open(name, width));
  document.getElementById("out").textContent = "[[" + JSON.stringify(seen) + "]]";
})();
</script></body></html>"#;

/// What the browser asked for, in order.
type Asked = Arc<Mutex<Vec<String>>>;

/// Answers for every host, from memory; 404 for what is not there.
fn serve(pages: HashMap<String, String>) -> (u16, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let (pages, asked) = (Arc::new(pages), Asked::default());
    let log = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (pages, log) = (pages.clone(), log.clone());
            thread::spawn(move || answer(stream, &pages, &log));
        }
    });
    (port, asked)
}

fn answer(stream: TcpStream, pages: &HashMap<String, String>, log: &Asked) {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body) = pages.get(&target).map_or(("404 Not Found", ""), |page| ("200 OK", page));
    log.lock().expect("nobody panics with it").push(target);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // The browser may have had enough.
    let _ = (&stream).write_all(&[head.as_bytes(), body.as_bytes()].concat());
}

fn chromium() -> Option<String> {
    let names = env::var("SLIPRING_CHROMIUM")
        .map_or_else(|_| vec!["chromium".into(), "chromium-browser".into(), "google-chrome".into()], |name| vec![name]);
    let runs = |name: &String| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    names.into_iter().find(runs)
}

fn run(browser: &str, port: u16, dark: bool) -> Output {
    let profile = tempfile::tempdir().expect("a folder");
    let flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --disable-default-apps --disable-extensions --no-pings --enable-logging=stderr --dump-dom --virtual-time-budget=60000";
    Command::new("timeout")
        .args(["--signal=KILL", PATIENCE_S, browser])
        .args(flags.split_whitespace())
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--proxy-server=http://127.0.0.1:{port}"))
        .arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)))
        .arg(format!("{HOST}harness"))
        .output()
        .expect("timeout is a program of coreutils")
}

/// What was seen, what was logged as from the console, what was fetched.
fn open(pages: &[(String, String)], dark: bool) -> Option<(Vec<Value>, Vec<String>, Vec<String>)> {
    let Some(browser) = chromium() else {
        eprintln!("skipped: no Chromium here (apt-get install chromium; SLIPRING_CHROMIUM names another)");
        return None;
    };
    let names: Vec<&String> = pages.iter().map(|(name, _)| name).collect();
    let names = serde_json::to_string(&names).expect("names");
    let harness = HARNESS.replace("NAMES", &names).replace("LINE", "#0B62C4");
    let mut all: HashMap<_, _> = pages.iter().map(|(name, page)| (format!("{HOST}{name}"), page.clone())).collect();
    all.insert(format!("{HOST}harness"), harness);
    let (port, asked) = serve(all);
    let Output { stdout, stderr, .. } = run(&browser, port, dark);
    let (dom, log) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let found = dom.split_once("[[").and_then(|(_, rest)| rest.split_once("]]</pre>"));
    let (found, _) = found.unwrap_or_else(|| panic!("the harness came to its end: {log}"));
    let seen = serde_json::from_str(found).expect("the harness writes JSON");
    let console = log.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    let mut asked = asked.lock().expect("nobody panics with it").clone();
    asked.retain(|target| !OWN_HOSTS.iter().any(|host| target.contains(host)));
    asked.sort_unstable();
    Some((seen, console, asked))
}

#[test]
fn the_pages_stand_alone_in_a_browser() {
    let pages = super::pages();
    let mut colours = Vec::new();
    for dark in [false, true] {
        let Some((seen, console, asked)) = open(&pages, dark) else { return };
        assert_eq!(console, [""; 0]);
        // Each page once for each width, and nothing else from anywhere.
        let mut expected: Vec<String> =
            pages.iter().flat_map(|(name, _)| [format!("{HOST}{name}"), format!("{HOST}{name}")]).collect();
        expected.push(format!("{HOST}harness"));
        expected.sort_unstable();
        assert_eq!(asked, expected);
        assert_eq!(seen.len(), 2 * pages.len());
        seen.iter().zip(pages.iter().flat_map(|page| [page, page])).for_each(|(seen, (_, page))| check(seen, page));
        colours.push(seen.iter().map(|seen| (seen["ground"].clone(), seen["line"].clone())).collect::<Vec<_>>());
    }
    // Every page follows the scheme, its charts too.
    for (light, dark) in colours[0].iter().zip(&colours[1]) {
        assert_ne!(light.0, dark.0);
        assert!(light.1 != dark.1 || light.1.is_null(), "{light:?} {dark:?}");
    }
}

fn check(seen: &Value, page: &str) {
    let (width, name) = (seen["width"].as_f64().expect("a number"), &seen["name"]);
    assert_eq!(seen["overflow"], 0, "{name} is wider than {width}");
    assert!(seen["first"].as_str().is_some_and(|class| class.starts_with("verdict ")), "{name}");
    assert!(seen["verdict"].as_str().is_some_and(|word| !word.is_empty()), "{name}");
    let plots = seen["plots"].as_array().expect("a list");
    let kind = if width < 640.0 { "narrow" } else { "wide" };
    assert!(OWN_HOSTS.iter().all(|host| !page.contains(host)), "{name}");
    let figures = page.matches("<figure>").count();
    let sizes = |plot: &&Value| plot["width"].as_f64().zip(plot["height"].as_f64()).expect("numbers");
    let (shown, hidden): (Vec<_>, Vec<_>) = plots.iter().partition(|plot| plot["kind"] == kind);
    assert_eq!((shown.len(), hidden.len()), (figures, figures), "{name}");
    for plot in &shown {
        let (plot_width, height) = sizes(plot);
        assert!(plot_width > width * 0.7 && plot_width <= width && height > 150.0, "{name}: {plot}");
        assert!(plot["parts"].as_u64().is_some_and(|parts| parts > 5), "{name}: {plot}");
    }
    assert!(hidden.iter().all(|plot| sizes(plot) == (0.0, 0.0)), "{name}");
}

#[test]
fn a_page_that_does_not_stand_alone_is_noticed() {
    let page = "<!DOCTYPE html><body><header class='verdict'><p class='word'>x</p></header>\
        <img src='http://elsewhere.invalid/pixel.gif'><script>console.error('told')</script>";
    let Some((_, console, asked)) = open(&[("bad".to_owned(), page.to_owned())], false) else { return };
    assert!(console.iter().any(|line| line.contains("told")), "{console:?}");
    assert!(asked.iter().any(|target| target == "http://elsewhere.invalid/pixel.gif"), "{asked:?}");
}

package report

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"twomsl/internal/record"
)

var shots = flag.String("shots", "", "keep pictures of the pages, as a browser shows them, in this directory")

// requireBrowser is set where a missing browser is a failure and not a reason to skip.
const requireBrowser = "TWOMSL_REQUIRE_BROWSER"

// findBrowser gives the path of a Chromium.
func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const remedy = "no Chromium found: on Debian, apt-get install --no-install-recommends chromium fonts-dejavu-core"
	if os.Getenv(requireBrowser) == "1" {
		t.Fatal(remedy)
	}
	t.Skip(remedy)
	return ""
}

// browser is one Chromium with one tab.
type browser struct {
	ctx context.Context
	mu  sync.Mutex
	// said is what came on the console, asked what was requested.
	said, asked []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	path := findBrowser(t)
	deadline, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(stop)
	// All that it writes goes into one directory, which it removes when its last process has gone.
	home := t.TempDir()
	t.Setenv("TMPDIR", home)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.Flag("disable-gpu", true),
		chromedp.Env("HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home))
	alloc, stopAlloc := chromedp.NewExecAllocator(deadline, options...)
	ctx, _ := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		// Waits until the process has gone, and all its children with it.
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("the browser did not end well: %v", err)
		}
		stopAlloc()
	})
	b := &browser{ctx: ctx}
	enable := chromedp.Func(func(ctx context.Context, to *chromedp.Target) error {
		if _, err := cdp.Call(ctx, to, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, to, log.Enable, cdp.Empty{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, to, runtime.Enable, cdp.Empty{})
		return err
	})
	if err := chromedp.Do(ctx, enable); err != nil {
		t.Fatalf("the browser does not start: %v", err)
	}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	return b
}

// hear notes what must not happen.
func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	case *runtime.EventConsoleAPICalled:
		for _, arg := range e.Args {
			b.said = append(b.said, "console: "+string(arg.Value))
		}
	case *runtime.EventExceptionThrown:
		b.said = append(b.said, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		b.said = append(b.said, e.Entry.Text)
	}
}

// heard gives what was noted since the last call.
func (b *browser) heard() (said, asked []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	said, asked = b.said, b.asked
	b.said, b.asked = nil, nil
	return said, asked
}

// open shows a file at that width, on that ground.
func (b *browser) open(t *testing.T, file string, width int64, scheme string) {
	t.Helper()
	media := chromedp.Func(func(ctx context.Context, to *chromedp.Target) error {
		_, err := cdp.Call(ctx, to, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(width, 900), media, chromedp.Navigate("file://"+file)); err != nil {
		t.Fatal(err)
	}
}

// lookAtPage measures the page that is open: what a reader would trip over, in words.
const lookAtPage = `(async () => {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push("the page is " + root.scrollWidth + " wide on a screen of " + root.clientWidth);
  for (const img of document.images) {
    await img.decode().catch(() => {});
    if (!img.complete || img.naturalWidth === 0) found.push("a picture does not load: " + img.alt.slice(0, 60));
    if (img.getBoundingClientRect().width < 200) found.push("a picture is too small: " + img.alt.slice(0, 60));
    if (img.alt.length < 20) found.push("a picture has no text in its place: " + img.alt);
  }
  const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1;
  for (const box of document.querySelectorAll(".box, pre, figure, dl, .notes")) {
    const section = box.closest("section");
    if (section && !inside(box.getBoundingClientRect(), section.getBoundingClientRect())) found.push("a box leaves its section: " + box.className);
    const style = getComputedStyle(box);
    if (box.scrollWidth > box.clientWidth + 1 && !["auto", "scroll"].includes(style.overflowX)) found.push("a box is too narrow: " + box.innerText.slice(0, 60));
  }
  const cut = (r, by) => ({left: Math.max(r.left, by.left), right: Math.min(r.right, by.right), top: r.top, bottom: r.bottom});
  const boxes = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (!node.data.trim() || !node.parentElement.checkVisibility({contentVisibilityAuto: true})) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const scrolls = node.parentElement.closest(".box, pre");
    for (let r of range.getClientRects()) {
      if (scrolls) r = cut(r, scrolls.getBoundingClientRect());
      if (r.right - r.left > 0) boxes.push({node: node, r: r, text: node.data.trim().slice(0, 40)});
    }
  }
  for (const img of document.images) boxes.push({node: img, r: img.getBoundingClientRect(), text: "a picture"});
  for (let i = 0; i < boxes.length; i++) {
    for (let k = i + 1; k < boxes.length; k++) {
      const a = boxes[i], b = boxes[k];
      if (a.node === b.node) continue;
      const x = Math.min(a.r.right, b.r.right) - Math.max(a.r.left, b.r.left);
      const y = Math.min(a.r.bottom, b.r.bottom) - Math.max(a.r.top, b.r.top);
      if (x > 1 && y > 3) found.push("these overlap: " + a.text + " | " + b.text);
    }
  }
  if (boxes.length < 10) found.push("there is hardly any text");
  return found.slice(0, 10);
})()`

// TestPagesInABrowser opens pages as a reader does, from a file, and looks for what would be in the reader's way.
func TestPagesInABrowser(t *testing.T) {
	b := newBrowser(t)
	for _, p := range readPages(t) {
		file := filepath.Join(t.TempDir(), "report.html")
		if err := os.WriteFile(file, []byte(p.text), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, v := range p.views {
			t.Run(fmt.Sprintf("%s/%d/%s", p.name, v.width, v.scheme), func(t *testing.T) {
				b.open(t, file, v.width, v.scheme)
				b.judge(t, file)
				b.keep(t, fmt.Sprintf("%s-%d-%s", p.name, v.width, v.scheme))
			})
		}
		t.Run(p.name+"/print", func(t *testing.T) {
			b.open(t, file, 1280, "dark")
			b.judge(t, file)
			b.print(t, p.name)
		})
	}
}

// readPage is a page as readers get it, with the views that are worth a look.
type readPage struct {
	name, text string
	views      []view
}

func readPages(t *testing.T) (out []readPage) {
	t.Helper()
	few := []view{{360, "dark"}, {1280, "light"}}
	for _, c := range append(pages(), hostilePage()) {
		out = append(out, readPage{stemOf(c.ID), pageOf(t, c), views(c)})
	}
	for _, tr := range []*record.Trial{exhaustedTrial(t), hostileTrial(t)} {
		out = append(out, readPage{"trial-" + stem(tr), render(t, "html", tr, Options{}), few})
	}
	all := []view{{360, "light"}, {360, "dark"}, {1280, "light"}, {1280, "dark"}}
	for g, views := range map[*record.Gate][]view{historyGate(): all, elsewhereGate(): few, failedGate(): few, hostileGate(): few} {
		out = append(out, readPage{stemOf(g.ID), renderGate(t, "html", g, Options{}), views})
	}
	return out
}

// view is how a reader sees a page.
type view struct {
	width  int64
	scheme string
}

// views are all for a page with charts, and fewer for those that look alike on any ground.
func views(c *record.Comparison) []view {
	if len(coursesOf(c)) == 2 {
		return []view{{360, "light"}, {360, "dark"}, {1280, "light"}, {1280, "dark"}}
	}
	return []view{{360, "dark"}, {1280, "light"}}
}

// judge holds the open page to what lookAtPage finds, and to silence.
func (b *browser) judge(t *testing.T, file string) {
	t.Helper()
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](lookAtPage, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Error(f)
	}
	said, asked := b.heard()
	for _, s := range said {
		t.Errorf("the browser says: %s", s)
	}
	if len(asked) == 0 {
		t.Error("the browser did not even ask for the page: is anybody listening?")
	}
	for _, url := range asked {
		if url != "file://"+file && !strings.HasPrefix(url, "data:") {
			t.Errorf("the page asks for %s", url)
		}
	}
}

// print makes a PDF of the open page.
func (b *browser) print(t *testing.T, name string) {
	t.Helper()
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(pdf), "%PDF-") || len(pdf) < 5000 {
		t.Errorf("%s does not print: %d bytes", name, len(pdf))
	}
	b.save(t, name+".pdf", pdf)
}

// keep takes a picture of the whole page where somebody wants to look at it.
func (b *browser) keep(t *testing.T, name string) {
	t.Helper()
	if *shots == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Logf("no picture of %s: %v", name, err)
		return
	}
	b.save(t, name+".png", png)
}

func (b *browser) save(t *testing.T, name string, data []byte) {
	t.Helper()
	if *shots == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*shots, name), data, 0o644); err != nil {
		t.Error(err)
	}
}

// The look itself must be able to find something.
func TestTheLookFindsWhatIsWrong(t *testing.T) {
	b := newBrowser(t)
	file := filepath.Join(t.TempDir(), "bad.html")
	bad := `<!DOCTYPE html><body><p style="width:3000px">wide</p><p>one line</p><p style="margin-top:-2em">over another</p>
<img src="data:image/png;base64,AAAA" alt="x"><section><div class="box" style="width:5000px;overflow:visible">box</div></section>
<script>console.log("loud")</script><img src="http://127.0.0.1:9/x.png" alt="from elsewhere, which nobody wants here"></body>`
	if err := os.WriteFile(file, []byte(bad), 0o644); err != nil {
		t.Fatal(err)
	}
	b.open(t, file, 360, "light")
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](lookAtPage, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"the page is", "does not load", "no text in its place", "overlap: one line | over another"} {
		if !strings.Contains(strings.Join(found, "\n"), want) {
			t.Errorf("the look does not find %q: %q", want, found)
		}
	}
	said, asked := b.heard()
	if !strings.Contains(strings.Join(said, "\n"), "loud") {
		t.Errorf("the console was not heard: %q", said)
	}
	if !strings.Contains(strings.Join(asked, "\n"), "http://127.0.0.1:9/") {
		t.Errorf("the request to elsewhere was not seen: %q", asked)
	}
}

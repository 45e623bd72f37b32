package web

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a browser on a busy machine may take over one thing.
const patience = time.Minute

// browser is a headless Chromium, spoken to over a pair of pipes in the DevTools
// protocol: JSON messages, each ended by a zero byte.
type browser struct {
	out     io.WriteCloser
	mu      sync.Mutex
	next    int
	waiting map[int]chan reply
	// console is what any page logged or failed with.
	console []string
}

type reply struct {
	ID     int
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *struct{ Message string }
}

// startBrowser starts Chromium, which must be installed: what nobody tried in a
// browser is not known to work there.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("Chromium is missing. Install it with: sudo apt-get install -y chromium")
	}
	fromUs, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	in, toUs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--user-data-dir="+t.TempDir())
	command.ExtraFiles = []*os.File{fromUs, toUs} // 3 and 4, as Chromium expects them
	if err := command.Start(); err != nil {
		t.Fatalf("starting %s: %v", path, err)
	}
	_, _ = fromUs.Close(), toUs.Close()
	b := &browser{out: out, waiting: map[int]chan reply{}}
	go b.listen(in)
	t.Cleanup(func() {
		_ = out.Close() // which ends it
		ended := make(chan struct{})
		go func() { _ = command.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(patience):
			_ = command.Process.Kill()
			<-ended
		}
	})
	return b
}

func (b *browser) listen(in io.Reader) {
	for r := bufio.NewReader(in); ; {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m reply
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		switch {
		case m.ID != 0:
			b.waiting[m.ID] <- m
			delete(b.waiting, m.ID)
		case m.Method == "Runtime.consoleAPICalled", m.Method == "Runtime.exceptionThrown", m.Method == "Log.entryAdded":
			b.console = append(b.console, string(m.Params))
		}
		b.mu.Unlock()
	}
}

// call sends a command, to one page or, without a session, to the browser.
func (b *browser) call(t *testing.T, session, method string, params map[string]any, result any) {
	t.Helper()
	b.mu.Lock()
	b.next++
	message := map[string]any{"id": b.next, "method": method, "params": params}
	if session != "" {
		message["sessionId"] = session
	}
	answer := make(chan reply, 1)
	b.waiting[b.next] = answer
	text, err := json.Marshal(message)
	if err == nil {
		_, err = b.out.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				t.Fatalf("%s: %v", method, err)
			}
		}
	case <-time.After(patience):
		t.Fatalf("%s: no answer", method)
	}
}

// page is one tab.
type page struct {
	*browser
	session string
	// story is an expression for what a test that fails may print of the page.
	story string
}

// open opens the page with the meter in a new tab and waits until its scripts
// have run.
func (b *browser) open(t *testing.T, address string, width int, media ...string) *page {
	t.Helper()
	p := b.tab(t, width, media...)
	p.story = shown
	p.visit(t, address, `customElements.get("password-meter")`)
	return p
}

// tab opens a new, empty tab of a profile of its own.
func (b *browser) tab(t *testing.T, width int, media ...string) *page {
	t.Helper()
	var profile struct{ BrowserContextID string }
	b.call(t, "", "Target.createBrowserContext", nil, &profile)
	var target struct{ TargetID string }
	b.call(t, "", "Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": profile.BrowserContextID}, &target)
	var attached struct{ SessionID string }
	b.call(t, "", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	p := &page{browser: b, session: attached.SessionID}
	for _, domain := range []string{"Runtime", "Log", "Page"} {
		p.do(t, domain+".enable", nil, nil)
	}
	p.do(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false}, nil)
	features := []map[string]string{}
	for _, m := range media {
		name, value, _ := strings.Cut(m, ":")
		features = append(features, map[string]string{"name": name, "value": value})
	}
	p.do(t, "Emulation.setEmulatedMedia", map[string]any{"features": features}, nil)
	return p
}

// visit goes to an address and waits until an expression is true there.
func (p *page) visit(t *testing.T, address, ready string) {
	t.Helper()
	p.do(t, "Page.navigate", map[string]any{"url": address}, nil)
	p.until(t, fmt.Sprintf(`location.href === %q && document.readyState === "complete" && !!%s`, address, ready))
}

func (p *page) do(t *testing.T, method string, params map[string]any, result any) {
	t.Helper()
	p.call(t, p.session, method, params, result)
}

// value returns what an expression is, as text.
func (p *page) value(t *testing.T, expression string) string {
	t.Helper()
	var out struct {
		Result           struct{ Value any }
		ExceptionDetails *struct{ Text string }
	}
	p.do(t, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &out)
	if out.ExceptionDetails != nil {
		t.Fatalf("%s: %s", expression, out.ExceptionDetails.Text)
	}
	return fmt.Sprint(out.Result.Value)
}

// until waits until an expression is true.
func (p *page) until(t *testing.T, expression string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if p.value(t, "!!("+expression+")") == "true" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("never came true: %s\n%s", expression, p.value(t, p.story))
		}
	}
}

// focus puts the cursor into a field, and type sends it keys.
func (p *page) focus(t *testing.T, id string) {
	t.Helper()
	p.value(t, fmt.Sprintf(`document.getElementById(%q).focus()`, id))
}

func (p *page) press(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		p.do(t, "Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "text": string(r), "key": string(r)}, nil)
		p.do(t, "Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": string(r)}, nil)
	}
}

// click clicks where a person would, so what is hidden or covered cannot be.
func (p *page) click(t *testing.T, id string) {
	t.Helper()
	var at struct{ X, Y float64 }
	text := p.value(t, fmt.Sprintf(`(() => {
		const e = document.getElementById(%q);
		e.scrollIntoView({block: "center"});
		const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
		return document.elementFromPoint(x, y) === e ? JSON.stringify({x, y}) : "";
	})()`, id))
	if json.Unmarshal([]byte(text), &at) != nil {
		t.Fatalf("%s cannot be clicked", id)
	}
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		p.do(t, "Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil)
	}
}

func (p *page) key(t *testing.T, name string, code int) {
	t.Helper()
	for _, kind := range []string{"rawKeyDown", "keyUp"} {
		p.do(t, "Input.dispatchKeyEvent", map[string]any{"type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code}, nil)
	}
}

// picture sees that the page is no wider than its window. With SCREENSHOTS set to
// a folder it leaves a picture of it there.
func (p *page) picture(t *testing.T, name string) {
	t.Helper()
	if got := p.value(t, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); got != "0" {
		t.Errorf("%s: the page is %s px wider than the window", name, got)
	}
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		return
	}
	p.do(t, "Emulation.setScrollbarsHidden", map[string]any{"hidden": true}, nil)
	p.value(t, `new Promise((done) => setTimeout(done, 400))`)
	var shot struct{ Data []byte }
	p.do(t, "Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &shot)
	if err := os.WriteFile(filepath.Join(folder, name+".png"), shot.Data, 0o600); err != nil {
		t.Fatal(err)
	}
}

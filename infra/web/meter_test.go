package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"safekeep/shared/password"
	"safekeep/shared/password/pwnedtest"
	"safekeep/shared/password/strength"
	"safekeep/shared/workspace"
)

// shown is all text that the meter shows now.
const shown = `(() => {
	const texts = [];
	const walk = (n) => {
		if (n.nodeType === 3) texts.push(n.data);
		if (n.nodeType === 1 && (n.hidden || n.classList.contains("spoken"))) return;
		n.childNodes.forEach(walk);
	};
	walk(document.querySelector("password-meter").shadowRoot);
	return texts.map((t) => t.trim()).filter(Boolean).join(" | ");
})()`

// inMeter is an expression about a part of the meter.
func inMeter(selector, rest string) string {
	return fmt.Sprintf(`document.querySelector("password-meter").shadowRoot.querySelector(%q)%s`, selector, rest)
}

// backend is the page and the real assessment behind it.
type backend struct {
	*httptest.Server
	service *password.Service

	mu    sync.Mutex
	asked []question
	// hold, when there is one, keeps an answer back until it is closed.
	hold func(q question) <-chan struct{}
	// broken answers 503.
	broken bool
}

type question struct {
	Password string   `json:"password"`
	Event    string   `json:"event"`
	Inputs   []string `json:"user_inputs"`
}

type nowhere struct{}

func (nowhere) Get(context.Context, string) (workspace.Workspace, error) {
	return workspace.Workspace{}, workspace.ErrNotFound
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	double := httptest.NewServer(pwnedtest.New())
	t.Cleanup(double.Close)
	b := &backend{service: &password.Service{
		Assessor: &password.Assessor{
			Meter: strength.NewMeter(), Breaches: password.NewCorpus(password.Corpus{URL: double.URL, Now: time.Now}), Now: time.Now,
		},
		Directory: nowhere{}, Lengths: password.Lengths{Alone: 15, WithMFA: 8}, Rollout: 100,
	}}
	mux := Demonstration()
	mux.HandleFunc("POST /passwords/assess", b.assess)
	b.Server = httptest.NewServer(mux)
	t.Cleanup(b.Close)
	return b
}

func (b *backend) assess(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var q question
	if err != nil || json.Unmarshal(body, &q) != nil {
		http.Error(w, "", http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	b.asked = append(b.asked, q)
	hold, broken := b.hold, b.broken
	b.mu.Unlock()
	if hold != nil {
		select {
		case <-hold(q):
		case <-r.Context().Done():
			return
		}
	}
	if broken {
		http.Error(w, "", http.StatusServiceUnavailable)
		return
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	b.service.Routes().ServeHTTP(w, r)
}

func (b *backend) questions() []question {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]question(nil), b.asked...)
}

// TestMeter goes through the page as somebody does who signs up.
func TestMeter(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	t.Run("typing", func(t *testing.T) { testTyping(t, browser) })
	t.Run("sending", func(t *testing.T) { testSending(t, browser) })
	t.Run("stale answers", func(t *testing.T) { testStale(t, browser) })
	t.Run("out of reach", func(t *testing.T) { testOutOfReach(t, browser) })
	t.Run("control", func(t *testing.T) { testControl(t, browser) })
	t.Run("access", func(t *testing.T) { testAccess(t, browser) })
	t.Run("looks", func(t *testing.T) { testLooks(t, browser) })
	t.Run("hostile answer", func(t *testing.T) { testHostileAnswer(t, browser) })
}

func testTyping(t *testing.T, browser *browser) {
	b := newBackend(t)
	p := browser.open(t, b.URL+"/local/password", 900)
	if got := p.value(t, shown); got != "" {
		t.Errorf("before anything is typed: %s", got)
	}
	p.focus(t, "password")
	p.press(t, "acme1234")
	p.until(t, inMeter(".word", `.textContent === "Too short"`))
	if got := p.value(t, shown); !strings.Contains(got, "Make it at least 15 characters long.") {
		t.Errorf("%s", got)
	}
	questions := b.questions()
	if len(questions) > 3 {
		t.Errorf("%d questions for 8 keys", len(questions))
	}
	if last := questions[len(questions)-1]; last.Event != "typing" || last.Password != "acme1234" || len(last.Inputs) != 1 {
		t.Errorf("%+v", last)
	}
	p.press(t, " gravel lamp otter")
	p.until(t, inMeter(".word", `.textContent === "Strong"`))
	if got := p.value(t, shown); got != "Strong" {
		t.Errorf("of a strong password: %s", got)
	}
	if got := p.value(t, inMeter(".bar", ".dataset.filled")); got != "4" {
		t.Errorf("%s of 4", got)
	}
	p.value(t, `(() => { const f = document.getElementById("password"); f.value = ""; f.dispatchEvent(new Event("input")); })()`)
	p.until(t, inMeter(".line", ".hidden"))
	if got := p.value(t, shown); got != "" {
		t.Errorf("of an empty field: %s", got)
	}
}

func testSending(t *testing.T, browser *browser) {
	b := newBackend(t)
	p := browser.open(t, b.URL+"/local/password", 900)
	p.value(t, `window.heard = []; document.addEventListener("assessed", (e) => heard.push(e.detail))`)
	const breached = "correct horse battery staple"
	p.focus(t, "password")
	p.press(t, breached)
	p.until(t, inMeter(".word", `.textContent === "Strong"`))
	p.key(t, "Enter", 13)
	p.press(t, "\r")
	p.until(t, `document.getElementById("outcome").textContent.startsWith("Accepted, but")`)
	got := p.value(t, shown)
	for _, want := range []string{"Seen 4,621 times in data breaches.", "known from a data breach", "nowhere else"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in: %s", want, got)
		}
	}
	questions := b.questions()
	if last := questions[len(questions)-1]; last.Event != "signup" {
		t.Errorf("sent with %q", last.Event)
	}
	// The password is nowhere but in its field: not in the page, the address,
	// the stores, what a listener hears, or the console.
	everywhere := p.value(t, `(() => {
		const m = document.querySelector("password-meter");
		return [document.documentElement.outerHTML, m.shadowRoot.innerHTML, location.href, document.cookie,
			JSON.stringify(localStorage), JSON.stringify(sessionStorage), JSON.stringify(heard), JSON.stringify(Object.entries(m)),
			performance.getEntries().map((e) => e.name).join()].join("\n");
	})()`)
	if strings.Contains(everywhere, breached) || !strings.Contains(everywhere, `"breached":true`) {
		t.Error("the password is in the page, or nothing was heard")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if log := strings.Join(p.console, "\n"); strings.Contains(log, "correct horse") {
		t.Error("the password is in the console")
	}
}

// testStale: the answer about what was typed before comes last and is not shown.
func testStale(t *testing.T, browser *browser) {
	b := newBackend(t)
	release := make(chan struct{})
	b.hold = func(q question) <-chan struct{} {
		if q.Password == "password" {
			return release
		}
		open := make(chan struct{})
		close(open)
		return open
	}
	p := browser.open(t, b.URL+"/local/password", 900)
	p.focus(t, "password")
	p.press(t, "password")
	for end := time.Now().Add(patience); len(b.questions()) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing was asked")
		}
	}
	p.press(t, " gravel lamp otter")
	p.until(t, inMeter(".word", `.textContent === "Strong"`))
	close(release)
	p.value(t, `new Promise((done) => setTimeout(done, 300))`)
	if got := p.value(t, shown); got != "Strong" {
		t.Errorf("the late answer is shown: %s", got)
	}
}

func testOutOfReach(t *testing.T, browser *browser) {
	b := newBackend(t)
	b.broken = true
	p := browser.open(t, b.URL+"/local/password", 900)
	p.focus(t, "password")
	p.press(t, "anything at all")
	p.until(t, inMeter(".quiet", `.textContent === "The strength cannot be shown right now."`))
	p.value(t, `document.getElementById("form").requestSubmit()`)
	p.until(t, `document.getElementById("outcome").textContent === "Accepted."`)
}

func testControl(t *testing.T, browser *browser) {
	b := newBackend(t)
	b.service.Rollout = 0
	p := browser.open(t, b.URL+"/local/password", 900)
	p.focus(t, "password")
	p.press(t, "password")
	p.until(t, inMeter(".warning", `.textContent !== ""`))
	if got := p.value(t, shown); got != "This password is too short. | Make it at least 15 characters long." {
		t.Errorf("%s", got)
	}
	p.press(t, "passwordpassword")
	p.until(t, inMeter(".warning", `.textContent === ""`))
	if got := p.value(t, shown); got != "" {
		t.Errorf("long enough: %s", got)
	}
}

// testAccess asks the browser what it tells a screen reader, and where the
// keyboard goes.
func testAccess(t *testing.T, browser *browser) {
	b := newBackend(t)
	p := browser.open(t, b.URL+"/local/password", 900, "prefers-reduced-motion:reduce")
	p.focus(t, "password")
	p.press(t, "qwertyuiopasdfgh")
	p.until(t, inMeter(".spoken", `.textContent !== ""`))
	var tree struct {
		Nodes []struct {
			Role, Name, Value struct{ Value any }
			Properties        []struct {
				Name  string
				Value struct{ Value any }
			}
		}
	}
	p.do(t, "Accessibility.enable", nil, nil)
	p.do(t, "Accessibility.getFullAXTree", nil, &tree)
	var told []string
	for _, n := range tree.Nodes {
		if n.Role.Value == "meter" {
			told = append(told, fmt.Sprintf("%v %v", n.Name.Value, n.Value.Value))
		}
		for _, property := range n.Properties {
			if property.Name == "live" && n.Role.Value == "status" {
				told = append(told, fmt.Sprint(property.Value.Value))
			}
		}
	}
	slices.Sort(told)
	// The meter, what it reads out, and the page's own outcome.
	if got := strings.Join(told, ", "); got != "Password strength 1, polite, polite" {
		t.Errorf("a screen reader is told %s", got)
	}
	if got := p.value(t, inMeter(".bar", `.getAttribute("aria-valuetext")`)); got != "Weak" {
		t.Errorf("in words: %s", got)
	}
	if got := p.value(t, inMeter(".spoken", ".textContent")); got != "Password strength: Weak. This is similar to a commonly used password." {
		t.Errorf("read out: %s", got)
	}
	if got := p.value(t, `getComputedStyle(`+inMeter(".bar span", "")+`).transitionDuration`); got != "0s" {
		t.Errorf("with reduced motion it moves for %s", got)
	}
	// From the field the keyboard goes on to the page's own controls.
	p.key(t, "Tab", 9)
	first := p.value(t, `document.activeElement.id`)
	p.key(t, "Tab", 9)
	if second := p.value(t, `document.activeElement.id`); first != "reveal" || second != "send" {
		t.Errorf("the keyboard goes to %q and %q", first, second)
	}
}

// testLooks sees that nothing is cut off or wider than the window.
func testLooks(t *testing.T, browser *browser) {
	b := newBackend(t)
	for _, c := range []struct {
		name, password, word string
		width                int
		media                []string
		send                 bool
	}{
		{"light", "password1", "Too short", 900, []string{"prefers-color-scheme:light"}, true},
		{"dark", "qwertyuiopasdfgh", "Weak", 900, []string{"prefers-color-scheme:dark"}, false},
		{"dark-breached", "correct horse battery staple", "Strong", 900, []string{"prefers-color-scheme:dark"}, true},
		{"narrow", "correct horse battery staple", "Strong", 320, []string{"prefers-color-scheme:light"}, true},
		{"fair", "dogmatixdogmatixdogmatixdogmatix", "Fair", 320, []string{"prefers-color-scheme:dark"}, false},
		{"forced", "gravel lamp otter ninety", "Strong", 600, []string{"forced-colors:active"}, false},
	} {
		p := browser.open(t, b.URL+"/local/password", c.width, c.media...)
		p.focus(t, "password")
		p.press(t, c.password)
		p.until(t, inMeter(".word", fmt.Sprintf(`.textContent === %q`, c.word)))
		if c.send {
			p.value(t, `document.getElementById("form").requestSubmit()`)
			p.until(t, `document.getElementById("outcome").textContent !== ""`)
		}
		p.picture(t, c.name)
	}
}

// testHostileAnswer: what a backend says is text, whatever it holds.
func testHostileAnswer(t *testing.T, browser *browser) {
	mux := Demonstration()
	mux.HandleFunc("POST /passwords/assess", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"verdict":"warn","score":1,"breached":true,"breach_count":2,"variant":"guidance","reasons":["too_weak"],`+
			`"warning":"<img src=x onerror=\"window.ran=1\">","suggestions":["<script>window.ran=1</script>"],"min_length":15}`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p := browser.open(t, server.URL+"/local/password", 900)
	p.focus(t, "password")
	p.press(t, "x")
	p.until(t, inMeter(".notice", `.textContent.includes("<img")`))
	if got := p.value(t, `String(window.ran) + document.querySelector("password-meter").shadowRoot.querySelectorAll("img, script").length`); got != "undefined0" {
		t.Errorf("an answer was taken for markup: %s", got)
	}
}

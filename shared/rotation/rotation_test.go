package rotation_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"safekeep/shared/credential"
	"safekeep/shared/problem"
	"safekeep/shared/rotation"
	"safekeep/shared/snowflake"
	"safekeep/shared/snowflake/snowflaketest"
)

// A key that becomes old is exchanged, and the one before goes when its overlap is
// over: the customer's own only because they allowed it.
func TestRotatesInTheSlots(t *testing.T) {
	t.Parallel()
	w := newWorld(t, credential.Policy{RetireSuppliedKey: yes()})
	if report := w.run(89); report.Due != 0 || report.KeyPairs != 1 {
		t.Errorf("on day 89: %+v", report)
	}
	w.wantStory()
	w.run(1)
	c := w.get()
	if c.Current.Number != 2 || c.Rotation.Step != credential.Retiring || c.Connection.User != "Loader" || c.Connection.Version != 2 {
		t.Errorf("after the switch: %+v %+v", c.Rotation, c.Connection)
	}
	w.wantKeys(print(w.key), c.Current.Fingerprint)
	// A connector that opened the key before the switch gets through with it.
	if _, err := w.store.Replaced(t.Context(), "acme", w.id, 1, w.at.Add(23*time.Hour)); err != nil {
		t.Error("the old version:", err)
	}
	w.run(0.9)
	w.wantKeys(print(w.key), c.Current.Fingerprint)
	w.run(0.1)
	w.wantKeys("", c.Current.Fingerprint)
	w.wantStory("rotation_started", "key_placed", "rotated", "key_retired")
	// The next one takes the place that has become free.
	w.run(89)
	w.run(1)
	second := w.get()
	w.wantKeys(second.Current.Fingerprint, "")
	if second.Current.Number != 3 || second.Rotation.Step != credential.Idle || w.signsIn() != nil {
		t.Errorf("after the second: %+v", second.Rotation)
	}
}

// Where the account has named key pairs, the credential has one of its own.
func TestRotatesNamedKeyPairs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.account.SetNamedKeyPairs(true)
	w.admin(`REVOKE OWNERSHIP ON USER "Loader" FROM ROLE LOADER; GRANT MODIFY PROGRAMMATIC AUTHENTICATION METHODS ON USER "Loader" TO ROLE LOADER`)
	w.run(90)
	first := w.get().Current.Fingerprint
	named := w.account.Keys("Loader").Named
	pair := "SAFEKEEP_" + strings.ToUpper(strings.ReplaceAll(w.id, "-", "")) + "_"
	if len(named) != 1 || named[0].Name != pair+"2" || !named[0].ExpiresAt.IsZero() || named[0].Fingerprint != first {
		t.Fatalf("the key pairs are %+v", named)
	}
	// The customer's own key stays, and this role could not remove it.
	w.run(1)
	w.wantKeys(print(w.key), "")
	if held := w.held(); held.Reason != "supplied_key" || len(held.SQL) != 1 || held.SQL[0] != snowflake.UnsetPublicKey("Loader", snowflake.Slot1) {
		t.Errorf("held up: %+v", held)
	}
	w.admin(w.held().SQL[0])
	w.run(90)
	second := w.get().Current.Fingerprint
	if second == first || w.signsIn() != nil {
		t.Errorf("the key in use is %s: %v", second, w.signsIn())
	}
	// Both sign in while the overlap lasts, however long nobody comes by.
	if named := w.account.Keys("Loader").Named; len(named) != 2 || !named[0].ExpiresAt.IsZero() || !named[1].ExpiresAt.IsZero() {
		t.Errorf("the key pairs are %+v", named)
	}
	if report := w.run(1); report.Due != 1 || report.Done != 0 || report.Retired != 1 {
		t.Errorf("%+v", report)
	}
	if named := w.account.Keys("Loader").Named; len(named) != 1 || named[0].Name != pair+"3" || named[0].Fingerprint != second {
		t.Errorf("the key pairs are %+v", named)
	}
	if c := w.get(); c.Rotation.Step != credential.Idle || c.Rotation.Trouble.State != "" {
		t.Errorf("%+v", c.Rotation)
	}
}

// A key that the customer supplied is theirs: they are sent the SQL, once, and when
// they have run it the rotation is complete.
func TestLeavesTheCustomersKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(90)
	for range 5 {
		w.run(1)
	}
	w.wantKeys(print(w.key), w.get().Current.Fingerprint)
	w.wantStory("rotation_started", "key_placed", "rotated", "rotation_blocked*")
	if held := w.held(); held.Reason != "supplied_key" || held.User != "loader@acme.example" || held.Fingerprint != w.get().Current.Fingerprint || held.OldFingerprint != print(w.key) {
		t.Errorf("held up: %+v", held)
	}
	w.admin(w.held().SQL[0])
	w.run(1)
	w.wantStory("rotation_started", "key_placed", "rotated", "rotation_blocked*", "key_retired")
	if r := w.get().Rotation; r.Step != credential.Idle || r.Trouble.State != "" {
		t.Errorf("%+v", r)
	}
}

// Whoever allows it later has the key removed at once.
func TestRetiresTheCustomersKeyWhenAllowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(90)
	w.run(1)
	w.clock = w.at.Add(time.Hour)
	c, err := w.rotator.Rotate(t.Context(), "acme", w.id, credential.RotationRequest{Actor: "ann", RetireSuppliedKey: yes()})
	if err != nil || c.Rotation.Step != credential.Idle || !c.Rotation.Policy.RetiresSupplied() {
		t.Errorf("%+v %v", c.Rotation, err)
	}
	w.wantKeys("", c.Current.Fingerprint)
	w.wantStory("rotation_started", "key_placed", "rotated", "rotation_blocked*", "rotation_changed", "key_retired")
}

// Without the right to alter the user, the admins get the very SQL; the rotation
// goes on by itself when they have run it, and they hear of that.
func TestWaitsForTheAdmin(t *testing.T) {
	t.Parallel()
	for _, named := range []bool{false, true} {
		w := newWorld(t)
		w.account.SetNamedKeyPairs(named)
		w.admin(`REVOKE OWNERSHIP ON USER "Loader" FROM ROLE LOADER`)
		w.run(90)
		w.run(1)
		w.wantStory("rotation_started", "rotation_blocked*")
		if held := w.held(); held.Reason != "no_privilege" || len(held.SQL) != 1 || held.CheckSQL == "" {
			t.Fatalf("held up: %+v", held)
		}
		if err := w.signsIn(); err != nil || w.get().Current.Number != 1 {
			t.Error("the old key:", err)
		}
		w.admin(w.held().CheckSQL + w.held().SQL[0])
		w.run(1)
		w.wantStory("rotation_started", "rotation_blocked*", "rotated*")
		if err := w.signsIn(); err != nil || w.get().Current.Number != 2 {
			t.Error("the new key:", err)
		}
	}
}

// A user whose other key is somebody else's has no place for ours. Nothing of
// theirs is touched.
func TestNeverOverwritesAForeignKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	foreign := supplied()[1]
	w.admin(snowflake.SetPublicKey("Loader", snowflake.Slot2, &foreign.PublicKey))
	w.run(90)
	w.run(1)
	w.wantKeys(print(w.key), print(foreign))
	w.wantStory("rotation_started", "rotation_blocked*")
	if held := w.held(); held.Reason != "no_free_slot" || len(held.SQL) != 1 || held.SQL[0] != snowflake.UnsetPublicKey("Loader", snowflake.Slot2) {
		t.Errorf("held up: %+v", held)
	}
	w.admin(w.held().SQL[0])
	w.run(1)
	w.wantKeys(print(w.key), w.get().Current.Fingerprint)
	w.wantStory("rotation_started", "rotation_blocked*", "key_placed", "rotated*")
}

// What Snowflake refuses is told at once, what passes is borne for three days, and
// neither is told twice.
func TestTellsOfFailuresOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.double.SetMisbehave(func(snowflaketest.Call) snowflaketest.Fault { return snowflaketest.Fault{Status: 503} })
	report := w.run(90)
	if report.Failing != 1 || report.Failed != 0 || report.Stuck != 0 {
		t.Errorf("%+v", report)
	}
	w.run(1)
	w.wantStory("rotation_started", "rotation_failed")
	for range 4 {
		w.run(1)
	}
	w.wantStory("rotation_started", "rotation_failed", "rotation_failed*")
	if report := w.run(3); report.Stuck != 1 || report.Failing != 1 {
		t.Errorf("a week later: %+v", report)
	}
	w.double.SetMisbehave(nil)
	w.run(1)
	w.wantStory("rotation_started", "rotation_failed", "rotation_failed*", "key_placed", "rotated*")

	w = newWorld(t)
	w.account.SetNetworkPolicy(true)
	w.run(90)
	w.run(1)
	w.wantStory("rotation_started", "rotation_failed*")
	if held := w.held(); held.Reason != "network_policy" || !held.PresentRefused || held.Explanation == "" {
		t.Errorf("held up: %+v", held)
	}
}

func TestRotateOnRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rotate := func() (credential.Credential, error) {
		return w.rotator.Rotate(t.Context(), "acme", w.id, credential.RotationRequest{Actor: "ann"})
	}
	c, err := rotate()
	if err != nil || c.Current.Number != 2 || c.Rotation.Step != credential.Retiring {
		t.Fatalf("%+v %v", c.Rotation, err)
	}
	var p *problem.Error
	if _, err := rotate(); !errors.As(err, &p) || p.Kind != problem.Conflict {
		t.Errorf("while the overlap runs: %v", err)
	}
	w.wantStory("rotation_started", "key_placed", "rotated")
	if e := w.entries(); e[len(e)-1].Actor != "ann" {
		t.Errorf("the actor is %s", e[len(e)-1].Actor)
	}
}

// A key pair that was made for the customer's SQL is what a rotation takes; when
// they have run the SQL, it is in use without more ado.
func TestTakesTheKeyThatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	waiting := supplied()[2]
	if _, err := w.store.Await(t.Context(), w.get(), version(w.id, 2, waiting), "ann"); err != nil {
		t.Fatal(err)
	}
	w.run(90)
	if c := w.get(); c.Current.Fingerprint != print(waiting) || c.Current.Number != 2 {
		t.Errorf("in use is %+v", c.Current.Number)
	}
	w.wantKeys(print(w.key), print(waiting))
}

// Policies: no interval is no schedule, a workspace that has ended is left alone,
// and times that make no sense are refused.
func TestWhatIsDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	never, soon := 0, 7
	w.keep(w.key, credential.Policy{IntervalDays: &never})
	w.keep(w.key, credential.Policy{IntervalDays: &soon})
	if report := w.run(8); report.KeyPairs != 3 || report.Due != 1 || report.Done != 1 {
		t.Errorf("%+v", report)
	}
	if err := w.places.End(t.Context(), "acme", "test", w.at); err != nil {
		t.Fatal(err)
	}
	if report := w.run(365); report.Due != 0 || report.Done != 0 || report.Failed != 0 {
		t.Errorf("of a workspace that has ended: %+v", report)
	}
	w.rotator.TimeTravel = false
	for at, want := range map[time.Time]error{
		{}: rotation.ErrEvent, w.clock.Add(time.Hour): rotation.ErrFuture, w.clock.Add(-72 * time.Hour): rotation.ErrStale, w.clock: nil,
	} {
		if _, err := w.rotator.Handle(t.Context(), rotation.Event{Scheduled: at}); !errors.Is(err, want) {
			t.Errorf("as of %s: %v, want %v", at, err, want)
		}
	}
}

// What a customer put in place without our help is known to stand where our SQL put
// it: what we send them next never touches the key in use.
func TestNeverNamesTheKeyInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.admin(`REVOKE OWNERSHIP ON USER "Loader" FROM ROLE LOADER`)
	for round, want := range [][2]string{
		{`SET RSA_PUBLIC_KEY_2=`, `UNSET RSA_PUBLIC_KEY;`}, {`SET RSA_PUBLIC_KEY=`, `UNSET RSA_PUBLIC_KEY_2;`},
	} {
		for part, days := range []float64{90, 2} { // the new key, and the old one
			w.run(days)
			held := w.held()
			if len(held.SQL) != 1 || !strings.Contains(held.SQL[0], want[part]) {
				t.Fatalf("round %d, part %d: %+v", round, part, held)
			}
			w.admin(held.SQL[0])
			w.run(1)
			if err := w.signsIn(); err != nil {
				t.Fatalf("after %s: %v", held.SQL[0], err)
			}
		}
	}
	if w.get().Current.Number != 3 {
		t.Errorf("in use is version %d", w.get().Current.Number)
	}
}

// A key that another credential of the same user signs in with is neither removed
// nor named for removal.
func TestSparesTheKeysOfOtherCredentials(t *testing.T) {
	t.Parallel()
	never := 0
	w := newWorld(t, credential.Policy{RetireSuppliedKey: yes()})
	first, second := w.id, w.keep(w.key, credential.Policy{IntervalDays: &never})
	w.run(90)
	w.run(1)
	w.wantKeys(print(w.key), w.get().Current.Fingerprint)
	w.wantStory("rotation_started", "key_placed", "rotated", "key_retired")
	w.id = second
	if err := w.signsIn(); err != nil {
		t.Error("the other credential:", err)
	}
	if _, err := w.rotator.Rotate(t.Context(), "acme", second, credential.RotationRequest{Actor: "ann"}); err != nil {
		t.Fatal(err)
	}
	if held := w.held(); held.Reason != "no_free_slot" || len(held.SQL) != 0 {
		t.Errorf("held up: %+v", held)
	}
	w.id = first
	if err := w.signsIn(); err != nil {
		t.Error("the first credential:", err)
	}
}

// A run that comes late gives the old key its whole overlap from when it switched,
// and no run retires before the wall's clock says so.
func TestLateRunKeepsTheOverlap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, credential.Policy{RetireSuppliedKey: yes()})
	w.rotator.TimeTravel = false
	at := noon.Add(90 * 24 * time.Hour)
	w.clock = at.Add(23*time.Hour + 55*time.Minute)
	run := func(scheduled time.Time) {
		if _, err := w.rotator.Handle(t.Context(), rotation.Event{Scheduled: scheduled}); err != nil {
			t.Fatal(err)
		}
	}
	run(at)
	w.clock = at.Add(24*time.Hour + 5*time.Minute)
	run(at.Add(24 * time.Hour))
	w.wantKeys(print(w.key), w.get().Current.Fingerprint)
	w.clock = at.Add(48 * time.Hour)
	run(at.Add(48 * time.Hour))
	w.wantKeys("", w.get().Current.Fingerprint)
}

// A key that stays with its owner does not end rotation: when the next one is due,
// or asked for, it goes on without that key.
func TestGoesOnPastAKeyThatStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.account.SetNamedKeyPairs(true)
	w.run(90)
	w.run(1)
	w.run(90)
	w.run(1)
	if c := w.get(); c.Current.Number != 3 || w.account.Keys("Loader").Slot1 != print(w.key) {
		t.Errorf("in use is version %d, and Snowflake has %+v", c.Current.Number, w.account.Keys("Loader"))
	}
}

// What somebody says about a key of their own is kept, whatever comes of the rest.
func TestKeepsWhatIsSaidOfSuppliedKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(90)
	w.clock = w.at
	if _, err := w.rotator.Rotate(t.Context(), "acme", w.id, credential.RotationRequest{Actor: "ann", RetireSuppliedKey: yes()}); err == nil {
		t.Error("rotated again while the overlap runs")
	}
	if !w.get().Rotation.Policy.RetiresSupplied() {
		t.Error("the wish is lost")
	}
	w.run(1)
	w.wantKeys("", w.get().Current.Fingerprint)
}

// Writes the vectors that tests/schedules/test_robfig.py compares with: random legal cron expressions, and the fire
// times that robfig/cron v3 itself gives for them. Run by hand (see README.md in this folder); CI needs no Go.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Zones whose past is settled, with the clock changes that hurt: skipped and repeated hours in both hemispheres, half an
// hour (Lord Howe), 45 minutes off (Chatham), two hours (Troll), at midnight (Sao Paulo, Tehran, Beirut), at 00:01
// (St Johns), backwards in summer (Dublin), twice a year around Ramadan (Casablanca), a day that was left out (Apia).
var zones = []string{
	"UTC", "America/New_York", "Europe/Berlin", "Europe/London", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Tehran",
	"America/St_Johns", "Africa/Casablanca", "Pacific/Apia", "Pacific/Chatham", "Antarctica/Troll", "Europe/Dublin",
	"Asia/Kolkata", "Asia/Kathmandu", "America/Havana", "Asia/Beirut", "Australia/Sydney", "America/Los_Angeles", "Etc/GMT+5",
}

type vector struct {
	Expression string  `json:"e"`
	Zone       string  `json:"z"`
	Start      int64   `json:"s"`
	Deltas     []int64 `json:"d"`
}

type file struct {
	Made    string   `json:"made"`
	Vectors []vector `json:"vectors"`
}

var months = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
var days = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

const fires = 50

func number(r *rand.Rand, value, low int, names []string) string {
	if names != nil && r.Intn(3) == 0 {
		name := names[value-low]
		if r.Intn(4) == 0 {
			name = strings.ToUpper(name)
		}
		return name
	}
	if r.Intn(12) == 0 {
		return fmt.Sprintf("%02d", value)
	}
	return fmt.Sprint(value)
}

func item(r *rand.Rand, low, high int, names []string) string {
	a := low + r.Intn(high-low+1)
	switch r.Intn(7) {
	case 0:
		return fmt.Sprintf("*/%d", 1+r.Intn(high))
	case 1:
		b := a + r.Intn(high-a+1)
		return number(r, a, low, names) + "-" + number(r, b, low, names)
	case 2:
		b := a + r.Intn(high-a+1)
		return fmt.Sprintf("%s-%s/%d", number(r, a, low, names), number(r, b, low, names), 1+r.Intn(7))
	case 3:
		return fmt.Sprintf("%s/%d", number(r, a, low, names), 1+r.Intn(high))
	default:
		return number(r, a, low, names)
	}
}

func field(r *rand.Rand, low, high int, names []string, star float64) string {
	if r.Float64() < star {
		return []string{"*", "*", "*", "?", "*/1"}[r.Intn(5)]
	}
	items := []string{}
	for n := 1 + r.Intn(3); n > 0; n-- {
		items = append(items, item(r, low, high, names))
	}
	return strings.Join(items, ",")
}

func expression(r *rand.Rand) string {
	switch r.Intn(25) {
	case 0:
		return []string{"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}[r.Intn(7)]
	case 1:
		return []string{"@every 1s", "@every 90s", "@every 1h30m", "@every 36h", "@every 2h0m5s", "@every 1.5h"}[r.Intn(6)]
	}
	return strings.Join([]string{
		field(r, 0, 59, nil, 0.25), field(r, 0, 23, nil, 0.35), field(r, 1, 31, nil, 0.55), field(r, 1, 12, months, 0.65),
		field(r, 0, 6, days, 0.55),
	}, " ")
}

func main() {
	r := rand.New(rand.NewSource(20261120))
	settled := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	out := file{Made: fmt.Sprintf("robfig/cron v3.0.1 with %s", runtime.Version())}
	for tries := 0; len(out.Vectors) < 1000; tries++ {
		text, zone := expression(r), zones[r.Intn(len(zones))]
		start := time.Date(1995, 1, 1, 0, 0, r.Intn(28*365*86400), 0, time.UTC)
		if r.Intn(2) == 0 { // half of them begin in the days before clocks change in many zones
			month := []time.Month{time.March, time.March, time.April, time.October, time.October, time.November, time.September}[r.Intn(7)]
			start = time.Date(1995+r.Intn(28), month, 1+r.Intn(30), r.Intn(24), r.Intn(60), r.Intn(60), 0, time.UTC)
		}
		schedule, err := cron.ParseStandard("CRON_TZ=" + zone + " " + text)
		if err != nil {
			panic(fmt.Sprint(text, ": ", err))
		}
		v := vector{Expression: text, Zone: zone, Start: start.Unix()}
		moment := start
		for n := 0; n < fires; n++ {
			next := schedule.Next(moment)
			if next.IsZero() || (next.After(settled) && zone != "UTC" && zone != "Etc/GMT+5") || next.Year() > 2180 {
				break
			}
			v.Deltas = append(v.Deltas, next.Unix()-moment.Unix())
			moment = next
		}
		if len(v.Deltas) == fires {
			out.Vectors = append(out.Vectors, v)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}

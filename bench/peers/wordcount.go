// Counts words as examples/wordcount does, with goroutines: wordcount PARSERS FILE
//
// A reader cuts the file into chunks between words, PARSERS goroutines count the words of a chunk
// each, and an aggregator sums up what they found. A word is a longest run of ASCII letters, in
// lower case. Prints lines with a count and a word: the most frequent first, those of one frequency
// by the alphabet.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"sync"
)

const chunkSize = 1 << 20

// The letter in lower case for the 52 letters, 0 for every other byte.
var lower [256]byte

func init() {
	for letter := 'a'; letter <= 'z'; letter++ {
		lower[letter] = byte(letter)
		lower[letter-'a'+'A'] = byte(letter)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "wordcount:", err)
	os.Exit(1)
}

type word struct {
	text  string
	count int
}

// words counts in a slice: looking up an index, unlike changing a value, does not make a string of
// a word that is known.
type words struct {
	index map[string]int32
	list  []word
}

func newWords() *words {
	return &words{index: make(map[string]int32)}
}

func (w *words) clear() {
	for text := range w.index { // compiled to one call that empties the map
		delete(w.index, text)
	}
	w.list = w.list[:0]
}

func (w *words) add(text string, count int) {
	at, known := w.index[text]
	if !known {
		at = int32(len(w.list))
		w.index[text] = at
		w.list = append(w.list, word{text: text})
	}
	w.list[at].count += count
}

func (w *words) countText(text, scratch []byte) {
	for i := 0; i < len(text); {
		letter := lower[text[i]]
		i++
		if letter == 0 {
			continue
		}
		scratch = append(scratch[:0], letter)
		for i < len(text) {
			letter = lower[text[i]]
			i++
			if letter == 0 {
				break
			}
			scratch = append(scratch, letter)
		}
		if at, known := w.index[string(scratch)]; known {
			w.list[at].count++
		} else {
			w.add(string(scratch), 1)
		}
	}
}

// read cuts the file into chunks that end where words do, and reuses those that come back.
func read(file io.Reader, chunks chan<- []byte, free *sync.Pool) {
	defer close(chunks)
	var rest []byte // a word that may go on
	for {
		chunk := append(free.Get().([]byte)[:0], rest...)
		if cap(chunk)-len(chunk) < chunkSize/2 { // a word longer than a chunk
			chunk = append(make([]byte, 0, 2*len(chunk)+chunkSize), chunk...)
		}
		filled, err := io.ReadFull(file, chunk[len(chunk):cap(chunk)])
		chunk = chunk[:len(chunk)+filled]
		if err != nil {
			if err != io.EOF && err != io.ErrUnexpectedEOF {
				fail(err)
			}
			chunks <- chunk
			return
		}
		end := len(chunk)
		for end > 0 && lower[chunk[end-1]] != 0 {
			end--
		}
		rest = append(rest[:0], chunk[end:]...)
		chunks <- chunk[:end]
	}
}

func parse(chunks <-chan []byte, free *sync.Pool, found chan<- *words, spent *sync.Pool) {
	scratch := make([]byte, 0, 256)
	for chunk := range chunks {
		partial := spent.Get().(*words)
		partial.countText(chunk, scratch)
		free.Put(chunk[:0])
		found <- partial
	}
}

func aggregate(found <-chan *words, spent *sync.Pool) *words {
	total := newWords()
	for partial := range found {
		for _, word := range partial.list {
			total.add(word.text, word.count)
		}
		partial.clear()
		spent.Put(partial)
	}
	return total
}

func count(file io.Reader, parsers int) *words {
	chunks := make(chan []byte, parsers)
	found := make(chan *words, parsers)
	free := &sync.Pool{New: func() any { return make([]byte, 0, chunkSize) }}
	spent := &sync.Pool{New: func() any { return newWords() }}
	go read(file, chunks, free)
	var running sync.WaitGroup
	for i := 0; i < parsers; i++ {
		running.Add(1)
		go func() {
			parse(chunks, free, found, spent)
			running.Done()
		}()
	}
	go func() {
		running.Wait()
		close(found)
	}()
	return aggregate(found, spent)
}

func print(list []word) {
	sort.Slice(list, func(i, j int) bool {
		if list[i].count != list[j].count {
			return list[i].count > list[j].count
		}
		return list[i].text < list[j].text
	})
	out := bufio.NewWriter(os.Stdout)
	for _, word := range list {
		fmt.Fprintln(out, word.count, word.text)
	}
	if err := out.Flush(); err != nil {
		fail(err)
	}
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: wordcount PARSERS FILE"))
	}
	parsers, err := strconv.Atoi(os.Args[1])
	if err != nil || parsers < 1 {
		fail(fmt.Errorf("PARSERS is a number from 1 on, not '%s'", os.Args[1]))
	}
	file, err := os.Open(os.Args[2])
	if err != nil {
		fail(err)
	}
	print(count(file, parsers).list)
}

import Testing

@testable import Resolver

@Suite struct NumberTableTests {
    @Test("A table of numbers does what a dictionary does", arguments: [UInt64(1), 7, 4096])
    func likeADictionary(range: UInt64) {
        var table = NumberTable<UInt64, Int>()
        var model: [UInt64: Int] = [:]
        var generator = SystemRandomNumberGenerator()
        for step in 0..<20_000 {
            // Keys that stand close together, zero among them, and keys far apart.
            let small = UInt64.random(in: 0...range, using: &generator)
            let key = Bool.random(using: &generator) ? small : small << 52
            if step % 3 == 0 {
                table[key] = nil
                model[key] = nil
            } else {
                table[key] = step
                model[key] = step
            }
            let (found, wanted) = (table[key], model[key])
            #expect(found == wanted)
        }
        #expect(table.count == model.count)
        #expect(table.values.sorted() == model.values.sorted())
        for (key, value) in model {
            let found = table[key]
            #expect(found == value)
        }
        table.removeAll()
        #expect(table.isEmpty)
        #expect(table[0] == nil)
    }

    @Test("IDs that count up leave no trace when they are done with")
    func countingUp() {
        var table = NumberTable<Int, String>()
        for id in 1...100_000 {
            table[id] = "\(id)"
            if id > 100 { table[id - 100] = nil }
        }
        #expect(table.count == 100)
        #expect(table[99_999] == "99999")
        #expect(table[99_900] == nil)
    }

    @Test("A line of deadlines gives them up in order, and forgets those that mean nothing")
    func line() {
        var line = DeadlineLine()
        for id in 1...5000 { line.insert(id, at: UInt64(id) * 10) }
        line.dropFirst { $0 <= 3000 }
        #expect(line.next == 30_010)
        #expect(line.popDue(at: 30_009) == nil)
        #expect(line.popDue(at: 30_020) == 3001)
        #expect(line.popDue(at: 30_020) == 3002)
        #expect(line.popDue(at: 30_020) == nil)
        // The clock never goes back; should it, order is kept.
        line.insert(5001, at: 0)
        line.dropFirst { $0 <= 5000 }
        #expect(line.next == 50_000)
        #expect(line.popDue(at: 60_000) == 5001)
        #expect(line.next == nil)
    }

    @Test("A queue of deadlines forgets those that mean nothing as soon as they stand first")
    func queue() {
        var queue = DeadlineQueue<Int>()
        for id in (1...1000).shuffled() { queue.insert(id, at: UInt64(id) * 10) }
        queue.dropFirst { $0 != 500 }
        #expect(queue.next == 5000)
        #expect(queue.count == 501)
        #expect(queue.popDue(at: 4999) == nil)
        #expect(queue.popDue(at: 5000) == 500)
        #expect(queue.next == 5010)
        queue.dropFirst { _ in true }
        #expect(queue.next == nil)
    }
}

// Validation of source texts: a text that is not UTF-8 is one error, not thousands.

enum UTF8Check {
    /// Offset of the first byte that does not belong to a well-formed scalar. Linear in the text.
    static func firstInvalidOffset(in bytes: [UInt8]) -> Int? {
        bytes.withUnsafeBufferPointer { bytes in
            var index = 0
            while index < bytes.count {
                let first = bytes[index]
                if first < 0x80 {
                    index += 1
                    continue
                }
                // Bounds of the second byte exclude overlong forms, surrogates and what is above U+10FFFF.
                let (length, low, high): (Int, UInt8, UInt8)
                switch first {
                case 0xC2...0xDF: (length, low, high) = (2, 0x80, 0xBF)
                case 0xE0: (length, low, high) = (3, 0xA0, 0xBF)
                case 0xED: (length, low, high) = (3, 0x80, 0x9F)
                case 0xE1...0xEF: (length, low, high) = (3, 0x80, 0xBF)
                case 0xF0: (length, low, high) = (4, 0x90, 0xBF)
                case 0xF1...0xF3: (length, low, high) = (4, 0x80, 0xBF)
                case 0xF4: (length, low, high) = (4, 0x80, 0x8F)
                default: return index
                }
                guard index + length <= bytes.count, bytes[index + 1] >= low, bytes[index + 1] <= high else { return index }
                for tail in 2..<max(length, 2) where bytes[index + tail] & 0xC0 != 0x80 { return index }
                index += length
            }
            return nil
        }
    }
}

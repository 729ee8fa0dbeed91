local function node(value) return { value = value, next = nil } end
local function run(length, rounds)
  local head = node(0)
  local tail = head
  for i = 1, length - 1 do
    tail.next = node(i)
    tail = tail.next
  end
  local sum = 0
  for i = 0, rounds - 1 do
    sum = sum + head.value
    head = head.next
    tail.next = node(i % 100)
    tail = tail.next
  end
  return sum
end
print(run(200000, 4000000))

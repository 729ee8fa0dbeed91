local function entry(key, value) return { key = key, value = value, before = nil, after = nil } end
local Cache = {}
Cache.__index = Cache
function Cache.new(capacity)
  local first, last = entry(nil, nil), entry(nil, nil)
  first.after = last
  last.before = first
  return setmetatable({ capacity = capacity, entries = {}, size = 0, first = first, last = last }, Cache)
end
function Cache:unlink(e)
  e.before.after = e.after
  e.after.before = e.before
end
function Cache:linkFirst(e)
  e.after = self.first.after
  e.before = self.first
  e.after.before = e
  self.first.after = e
end
function Cache:get(key)
  local e = self.entries[key]
  if e == nil then return nil end
  self:unlink(e)
  self:linkFirst(e)
  return e.value
end
function Cache:put(key, value)
  if self.size == self.capacity then
    local oldest = self.last.before
    self:unlink(oldest)
    self.entries[oldest.key] = nil
    self.size = self.size - 1
  end
  local e = entry(key, value)
  self.entries[key] = e
  self:linkFirst(e)
  self.size = self.size + 1
end
local function run(n)
  local cache = Cache.new(5000)
  local hits = 0
  local x = 1
  for i = 0, n - 1 do
    x = x * 16807 % 2147483647
    local key = x % 10007
    if cache:get(key) == nil then cache:put(key, i) else hits = hits + 1 end
  end
  return hits
end
print(run(1500000))

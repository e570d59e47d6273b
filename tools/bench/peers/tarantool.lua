-- tarantool.lua PORT DIR -- space 512 of tuples of texts, the first of which is the key.
-- A change is answered when it is on disk.
local port, dir = arg[1], arg[2]
box.cfg{ listen = '127.0.0.1:' .. port, memtx_memory = 1024 * 1024 * 1024,
         wal_mode = 'fsync', memtx_dir = dir, wal_dir = dir, vinyl_dir = dir,
         checkpoint_interval = 0, log = dir .. '/tarantool.log', log_level = 3,
         readahead = 1024 * 1024, net_msg_max = 8192 }
box.once('customers', function()
  box.schema.user.grant('guest', 'read,write,execute', 'universe')
  local space = box.schema.space.create('customers', { id = 512 })
  space:create_index('primary', { type = 'hash', parts = { 1, 'string' } })
end)
